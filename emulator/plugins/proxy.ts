/**
 * A provider plugin as Pulumi starts it: prints the port it listens on and passes every connection on to the running
 * local cloud of TENANTRY_EMULATOR_DATA. Bytes are passed as they are, one connection out for each one in, because
 * the local cloud tells engines apart by connection.
 */
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:net";
import { join } from "node:path";

/** An engine that was killed cannot end its plugins; they notice that their parent is gone. */
const PARENT_POLL_MS = 2_000;

type ProviderName = "aws" | "awsx";

function providerPort(name: ProviderName): number {
  const folder = process.env.TENANTRY_EMULATOR_DATA;
  if (folder === undefined) {
    throw new Error("Cannot find the local cloud: TENANTRY_EMULATOR_DATA must name its data folder.");
  }
  const file = join(folder, "emulator.json");
  try {
    const running: { providers: Record<ProviderName, number> } = JSON.parse(readFileSync(file, "utf8"));
    return running.providers[name];
  } catch (cause) {
    throw new Error(
      `Cannot find the local cloud: ${file} must be there. Start it with node emulator/main.ts --data ${folder}.`,
      { cause },
    );
  }
}

function serve(port: number): void {
  const server = createServer((incoming) => {
    const outgoing = connect(port, "127.0.0.1");
    incoming.setNoDelay(true);
    outgoing.setNoDelay(true);
    incoming.pipe(outgoing).pipe(incoming);
    incoming.on("error", () => outgoing.destroy());
    outgoing.on("error", () => incoming.destroy());
  });
  server.listen(0, "127.0.0.1", () => {
    process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
  });
}

function endWithParent(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(0);
  }, PARENT_POLL_MS).unref();
}

const name = process.argv[2];
try {
  if (name !== "aws" && name !== "awsx")
    throw new Error(`Cannot proxy: the provider must be aws or awsx, got ${name}.`);
  serve(providerPort(name));
  endWithParent();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
