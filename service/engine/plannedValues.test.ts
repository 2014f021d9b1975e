import type { StepEventMetadata } from "@pulumi/pulumi/automation/events.js";
import { describe, expect, it } from "vitest";
import { plannedValues } from "./plannedValues.ts";
import { createRedactor } from "./redact.ts";

const redact = createRedactor({ DB_PASSWORD: "hunter2hunter2" });
const SECRET = {
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext: "[secret]",
};
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

interface Side {
  readonly inputs?: Record<string, unknown>;
  readonly outputs?: Record<string, unknown>;
}

function values(old: Side | null, now: Side | null, paths: readonly string[], op = "update") {
  return plannedValues({ op, old, new: now } as unknown as StepEventMetadata, paths, redact);
}
const changed = (old: unknown, now: unknown) =>
  values({ inputs: { it: old } }, { inputs: { it: now } }, ["it"]);

describe("the values of a planned change", () => {
  it("are those at its paths, and no others", () => {
    const old = { inputs: { delaySeconds: 1, tags: { plan: "starter", owner: "a" } } };
    const now = { inputs: { delaySeconds: 2, tags: { plan: "business", owner: "b" } } };
    expect(values(old, now, ["delaySeconds", "tags.plan", "kmsKeyId"])).toEqual([
      { path: "delaySeconds", old: 1, new: 2 },
      { path: "tags.plan", old: "starter", new: "business" },
      { path: "kmsKeyId" },
    ]);
  });

  it("lead into JSON in a string, and by name into its lists", () => {
    const definition = (level: string, more: object[] = []) =>
      JSON.stringify([{ name: "app", environment: [{ name: "LOG_LEVEL", value: level }, ...more] }]);
    expect(changed(definition("info"), definition("debug", [{ name: "AUDIT", value: "on" }]))).toEqual([
      { path: "it.app.environment.LOG_LEVEL.value", old: "info", new: "debug" },
      { path: "it.app.environment.AUDIT", new: { value: "on" } },
    ]);
  });

  it("are of the cloud where the program says the same as before", () => {
    const old = { inputs: { delaySeconds: 0 }, outputs: { delaySeconds: 90 } };
    expect(values(old, { inputs: { delaySeconds: 0 }, outputs: {} }, ["delaySeconds"])).toEqual([
      { path: "delaySeconds", old: 90, new: 0 },
    ]);
  });

  it("of what is created are its inputs, and of what is deleted none", () => {
    const inputs = { name: "jobs", tags: { plan: "starter" }, __defaults: [] };
    expect(values(null, { inputs }, [], "create")).toEqual([
      { path: "name", new: "jobs" },
      { path: "tags", new: { plan: "starter" } },
    ]);
    expect(values({ inputs }, null, [], "delete")).toEqual([]);
  });

  it("say of a secret only that it changes, and hide what looks like one", () => {
    expect(changed(SECRET, SECRET)).toEqual([{ path: "it", old: "[secret]", new: "[secret]" }]);
    expect(changed("postgres://app:hunter2hunter2@db", { url: "password=open-sesame" })).toEqual([
      { path: "it", old: "postgres://[redacted]@db", new: { url: "password=[redacted]" } },
    ]);
  });

  it("say that only the run will tell", () => {
    expect(changed("arn:old", UNKNOWN)).toEqual([{ path: "it", old: "arn:old", new: "[computed]" }]);
  });

  it("are one whole value where too much of a property differs", () => {
    const many = (value: string) => Object.fromEntries([...Array(101).keys()].map((n) => [`k${n}`, value]));
    expect(changed(many("a"), many("b"))).toEqual([{ path: "it", old: many("a"), new: many("b") }]);
  });
});
