import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { flagNames, readSettings, usage } from "./config.ts";

describe("readSettings", () => {
  it("has a default for everything", () => {
    const settings = readSettings([], {});
    expect(settings).toMatchObject({ host: "127.0.0.1", port: 7070, cloud: "local", jsonLog: false });
    expect(settings.dataDir.endsWith("/.tenantry")).toBe(true);
  });

  it("lets a flag win over its variable", () => {
    const settings = readSettings(["--port", "0", "--json-log"], {
      TENANTRY_PORT: "8080",
      TENANTRY_CLOUD: "aws",
    });
    expect(settings).toMatchObject({ port: 0, cloud: "aws", jsonLog: true });
  });

  it.each([
    [["--port", "70000"], "--port (or TENANTRY_PORT)"],
    [["--port", "x"], 'got "x"'],
    [["--cloud", "gcp"], "--cloud (or TENANTRY_CLOUD)"],
    [["--concurrency", "0"], "--concurrency"],
    [["--trace-endpoint", "collector:4318"], "must be an http or https URL"],
    [["--trace-sample", "2"], "--trace-sample"],
    [["--colour"], "Known flags: --data-dir"],
  ])("refuses %j and says which", (args, message) => {
    expect(() => readSettings(args, {})).toThrow(message);
  });
});

it("does not repeat a password that it refuses", () => {
  const refused = () => readSettings(["--trace-endpoint", "grpc://me:hunter2@collector:4317"], {});
  expect(refused).toThrow("--trace-endpoint");
  expect(refused).not.toThrow("hunter2");
});

describe("the flags", () => {
  it("are all in --help and in docs/configuration.md", () => {
    const page = readFileSync(new URL("../docs/configuration.md", import.meta.url), "utf8");
    expect(flagNames.filter((flag) => !page.includes(`\`--${flag}\``))).toEqual([]);
    expect(flagNames.filter((flag) => !usage().includes(`  --${flag} `))).toEqual([]);
  });
});
