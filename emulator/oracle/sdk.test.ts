import { describe, expect, test } from "vitest";
import { resourceTypes } from "../aws/index.ts";
import { inMemoryAccount } from "../aws/testAccount.ts";
import type { ResourceType } from "../resourceType.ts";
import { sdkShape } from "./sdk.ts";

/** First members of all input paths that a type speaks of. */
function namedInputs(type: ResourceType): readonly string[] {
  const context = inMemoryAccount().context;
  const paths = [
    ...type.replaceOn,
    ...(type.unordered ?? []),
    ...(type.json ?? []),
    ...(type.writeOnly ?? []),
    ...(type.secret ?? []),
    ...(type.autoName === undefined ? [] : [type.autoName.property]),
    ...Object.keys(type.defaults?.({}, context) ?? {}),
  ];
  return [...new Set(paths.map((path) => path.split(/[.[]/)[0] ?? ""))];
}

test("no type is listed twice", () => {
  const tokens = resourceTypes.map((type) => type.token);
  expect(new Set(tokens).size).toBe(tokens.length);
});

describe.each(resourceTypes.map((type) => ({ token: type.token, type })))("$token", ({ token, type }) => {
  const sdk = sdkShape(token);

  test("requires what the SDK requires", () => {
    expect([...type.required].sort()).toEqual(sdk.required);
  });
  test("computes what the SDK calls an output", () => {
    const missing = sdk.outputs.filter((output) => !type.computed.includes(output));
    const unknown = type.computed.filter((name) => !sdk.outputs.includes(name) && !sdk.inputs.includes(name));
    expect({ missing, unknown }).toEqual({ missing: [], unknown: [] });
  });
  test("speaks only of inputs that the SDK has", () => {
    expect(namedInputs(type).filter((name) => !sdk.inputs.includes(name))).toEqual([]);
  });
  test("takes tags exactly when the SDK does", () => {
    expect(type.taggable).toBe(sdk.inputs.includes("tags"));
  });
});
