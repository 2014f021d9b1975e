import { appendFileSync, existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";

/** The least a local cloud must be for the launcher: announces itself, tells its pid, ends when asked. Slow to start. */
const START_MS = 300;

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    port: { type: "string" },
    "idle-exit-ms": { type: "string" },
    code: { type: "string" },
  },
});
const folder = values.data ?? "";
appendFileSync(join(folder, "starts"), `${process.pid} ${values["idle-exit-ms"] ?? "never"}\n`);
if (existsSync(join(folder, "refuse"))) {
  console.error("refused on purpose");
  process.exit(4);
}
const occupied = join(folder, "occupied");
if (existsSync(occupied)) {
  rmSync(occupied);
  process.exit(3);
}
const server = createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  const asked = request.url === "/v1/shutdown";
  const ending = asked && !existsSync(join(folder, "in-use"));
  if (asked && !ending) response.statusCode = 409;
  response.end(JSON.stringify({ pid: process.pid }), () => ending && process.exit(0));
});
setTimeout(() => {
  server.listen(0, "127.0.0.1", () => {
    const controlUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const draft = join(folder, "emulator.json.new");
    writeFileSync(
      draft,
      JSON.stringify({
        pid: process.pid,
        controlUrl,
        code: values.code,
        providers: { aws: 1001, awsx: 1002 },
      }),
    );
    renameSync(draft, join(folder, "emulator.json"));
  });
}, START_MS);
