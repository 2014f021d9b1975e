import { describe, expect, it } from "vitest";
import type { Context, ResourceType } from "../resourceType.ts";
import type { Properties } from "../values.ts";
import { UNKNOWN } from "../values.ts";
import { automaticName, checkInputs, refreshedInputs } from "./inputs.ts";

const type: ResourceType = {
  token: "aws:test/thing:Thing",
  api: { service: "Test", noun: "Test Thing", create: "c", read: "r", update: "u", delete: "d" },
  required: ["size"],
  computed: ["arn"],
  replaceOn: [],
  writeOnly: ["force"],
  taggable: true,
  autoName: { property: "name", maxLength: 20, lowerCase: true },
  defaults: () => ({ color: "red", name: "never used" }),
  create: () => ({ id: "x", properties: {} }),
};

function check(newInputs: Properties, oldInputs: Properties = {}, defaultTags: Record<string, string> = {}) {
  return checkInputs({
    type,
    // This type's rules look at nothing in the account.
    context: {} as Context,
    settings: { region: "eu-west-1", account: "1", callerArn: "", defaultTags },
    logicalName: "Web",
    oldInputs,
    newInputs,
    randomSeed: "seed",
  });
}

describe("checking inputs", () => {
  it("fills in names and defaults and says which", () => {
    const { inputs, failures } = check({ size: 1 });
    expect(failures).toEqual([]);
    expect(inputs).toEqual({
      size: 1,
      color: "red",
      name: expect.stringMatching(/^web-[0-9a-f]{7}$/),
      __defaults: ["color", "name"],
    });
  });

  it("keeps an automatic name over updates, and never takes a chosen one for automatic", () => {
    expect(check({ size: 1 }, { name: "web-1111111", __defaults: ["name"] }).inputs.name).toBe("web-1111111");
    expect(check({ size: 1 }, { name: "chosen", __defaults: [] }).inputs.name).not.toBe("chosen");
    expect(check({ size: 1, name: "mine" }).inputs).toMatchObject({ name: "mine", __defaults: ["color"] });
    expect(check({ size: 1, namePrefix: "x" }).inputs).not.toHaveProperty(
      "name",
      expect.stringMatching(/^web-/),
    );
  });

  it("reports what is missing, and takes the unknown as given", () => {
    expect(check({}).failures).toEqual([
      { property: "size", reason: expect.stringContaining('"size" is required') },
    ]);
    expect(check({ size: UNKNOWN }).failures).toEqual([]);
  });

  it("lays the resource's tags over the provider's", () => {
    expect(check({ size: 1, tags: { a: "own" } }, {}, { a: "default", b: "default" }).inputs.tags).toEqual({
      a: "own",
      b: "default",
    });
    expect(check({ size: 1 }).inputs).not.toHaveProperty("tags");
  });
});

describe("an automatic name", () => {
  it("fits the limit with its random part and suffix whole", () => {
    const name = automaticName(
      { property: "name", maxLength: 20, suffix: () => ".fifo" },
      "x".repeat(40),
      {},
      "s",
    );
    expect(name).toMatch(/^x{7}-[0-9a-f]{7}\.fifo$/);
    expect(name).toHaveLength(20);
  });
});

describe("the inputs a refresh reports", () => {
  const live = {
    size: 2,
    color: "red",
    arn: "arn:x",
    tags: { a: "1", b: "2" },
    extra: 1,
    nested: { a: 1, b: 2 },
  };

  it("are the program's own, with the cloud's values", () => {
    const old = {
      size: 1,
      color: "red",
      force: true,
      tags: { a: "1" },
      nested: { a: 9 },
      __defaults: ["color"],
    };
    expect(refreshedInputs(type, old, live, [])).toEqual({
      size: 2,
      color: "red",
      force: true,
      tags: { a: "1", b: "2" },
      nested: { a: 1 },
      __defaults: ["color"],
    });
  });

  it("leave out what the cloud no longer has and add what was set out of band", () => {
    expect(refreshedInputs(type, { size: 2, missing: 1 }, live, ["extra", "arn"])).toEqual({
      size: 2,
      extra: 1,
      tags: { a: "1", b: "2" },
    });
  });
});
