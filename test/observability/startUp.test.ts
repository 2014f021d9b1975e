import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";

const at = (path: string) => JSON.stringify(pathToFileURL(`${import.meta.dirname}/../../${path}`).href);

/** Which parts of OpenTelemetry are loaded, besides the bare API that the metrics' library brings along. */
const program = `
  import { registerHooks } from "node:module";
  let loaded = 0;
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      if (/@opentelemetry\\/(?!api\\/)/.test(found.url)) loaded += 1;
      return found;
    },
  });
  await import(${at("service/service.ts")});
  const before = loaded;
  await import(${at("service/tracing/openTelemetry.ts")});
  console.log(JSON.stringify({ before, isCaught: loaded > before }));
`;

it("a start without traces loads nothing of OpenTelemetry's SDK", () => {
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(JSON.parse(stdout || "null"), stderr).toEqual({ before: 0, isCaught: true });
});
