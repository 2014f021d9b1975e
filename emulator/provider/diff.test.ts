import { describe, expect, it } from "vitest";
import type { ResourceType } from "../resourceType.ts";
import type { Properties } from "../values.ts";
import { UNKNOWN } from "../values.ts";
import { diffInputs, formatPath, parsePath } from "./diff.ts";

const type: ResourceType = {
  token: "aws:test/thing:Thing",
  api: { service: "Test", noun: "Test Thing", create: "c", read: "r", update: "u", delete: "d" },
  required: [],
  computed: ["arn"],
  replaceOn: ["name", "network.subnets", "rules[*].port"],
  unordered: ["groups", "network.subnets"],
  json: ["policy"],
  taggable: true,
  autoName: { property: "name", maxLength: 20 },
  create: () => ({ id: "x", properties: {} }),
};

function diff(old: Properties, next: Properties, ignore: readonly string[] = []): Record<string, string> {
  const { changes } = diffInputs(type, old, next, ignore);
  return Object.fromEntries(
    changes.map((change) => [
      formatPath(change.path),
      change.replaces ? `${change.kind} replace` : change.kind,
    ]),
  );
}

describe("the difference between inputs", () => {
  it("names each property by its path", () => {
    const old = { tags: { a: "1", "b.c": "2" }, size: 1, gone: true };
    const next = { tags: { a: "2", "b.c": "3", d: "4" }, size: 1 };
    expect(diff(old, next)).toEqual({
      "tags.a": "update",
      'tags["b.c"]': "update",
      "tags.d": "add",
      gone: "delete",
    });
  });

  it("walks lists by index", () => {
    expect(diff({ list: [1, { a: 1 }] }, { list: [1, { a: 2 }, 3] })).toEqual({
      "list[1].a": "update",
      "list[2]": "add",
    });
  });

  it("sees no change in the order of sets, the spelling of JSON, null, or bookkeeping", () => {
    const old = { groups: ["a", "b"], policy: '{"a":1,"b":2}', description: null, __defaults: ["groups"] };
    expect(diff(old, { groups: ["b", "a"], policy: '{ "b": 2, "a": 1 }', __defaults: [] })).toEqual({});
    expect(diff({ groups: ["a"] }, { groups: ["a", "b"] })).toEqual({ groups: "update" });
    expect(diff({ policy: '{"a":1}' }, { policy: '{"a":2}' })).toEqual({ policy: "update" });
  });

  it("replaces on, below and above the paths of the type", () => {
    expect(diff({ name: "a" }, { name: "b" })).toEqual({ name: "update replace" });
    expect(diff({ network: { subnets: ["a"] } }, { network: { subnets: ["b"] } })).toEqual({
      "network.subnets": "update replace",
    });
    expect(diff({}, { network: { subnets: ["b"] } })).toEqual({ network: "add replace" });
    expect(diff({}, { network: { public: true } })).toEqual({ network: "add" });
    expect(diff({ rules: [{ port: 1, note: "a" }] }, { rules: [{ port: 2, note: "b" }] })).toEqual({
      "rules[0].port": "update replace",
      "rules[0].note": "update",
    });
    expect(diff({ region: "eu-west-1" }, { region: "eu-west-2" })).toEqual({ region: "update replace" });
  });

  it("takes what is not known yet as a change", () => {
    expect(diff({ name: "a", size: 1 }, { name: UNKNOWN, size: UNKNOWN })).toEqual({
      name: "update replace",
      size: "update",
    });
  });

  it("leaves ignored paths out", () => {
    expect(
      diff({ tags: { a: "1", b: "1" }, size: 1 }, { tags: { a: "2", b: "2" }, size: 2 }, ["tags.a", "size"]),
    ).toEqual({
      "tags.b": "update",
    });
  });

  it("deletes first only when the program keeps a name it chose", () => {
    const deletesFirst = (old: Properties, next: Properties) =>
      diffInputs(type, old, next).deleteBeforeReplace;
    const network = { network: { subnets: ["b"] } };
    expect(deletesFirst({ name: "a", __defaults: [] }, { name: "a", ...network, __defaults: [] })).toBe(true);
    expect(
      deletesFirst({ name: "a", __defaults: ["name"] }, { name: "a", ...network, __defaults: ["name"] }),
    ).toBe(false);
    expect(deletesFirst({ name: "a", __defaults: [] }, { name: "b", __defaults: [] })).toBe(false);
    expect(deletesFirst({ name: "a", size: 1, __defaults: [] }, { name: "a", size: 2, __defaults: [] })).toBe(
      false,
    );
  });
});

describe("a property path", () => {
  it("is read as it is written", () => {
    for (const path of [["a"], ["a", 0, "b"], ["tags", "x.y"], ["tags", 'quo"te'], ["a", "tenantry:plan"]]) {
      expect(parsePath(formatPath(path))).toEqual(path);
    }
    expect(parsePath("rules[*].port")).toEqual(["rules", "*", "port"]);
  });
});
