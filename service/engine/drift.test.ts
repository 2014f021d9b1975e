import type { StepEventMetadata } from "@pulumi/pulumi/automation/events.js";
import { describe, expect, it } from "vitest";
import { driftResult } from "./drift.ts";

const SECRET = {
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext: "[secret]",
};

function step(
  op: string,
  change: Partial<Record<"old" | "new", object>> & { detailedDiff?: object },
): StepEventMetadata {
  const urn = "urn:pulumi:s::p::aws:sqs/queue:Queue::jobs";
  const state = { type: "aws:sqs/queue:Queue", urn, custom: true, id: "q-1", inputs: {}, outputs: {} };
  const { old, new: after, ...rest } = change;
  return {
    ...{ op, urn, type: state.type, provider: "p", old: { ...state, ...old } },
    ...(after && { new: { ...state, ...after } }),
    ...rest,
  } as unknown as StepEventMetadata;
}

it("finds a deletion", () => {
  expect(driftResult([step("delete", {})])).toMatchObject({
    checked: 1,
    findings: [{ kind: "deleted", physicalId: "q-1", logicalName: "jobs", properties: [] }],
  });
});

it("reports recorded and actual values of what the engine's diff names", () => {
  const changed = step("update", {
    old: { inputs: { delay: 5, tags: { "a.b": "1" } } },
    new: { inputs: { delay: 9, tags: { "a.b": "2" } } },
    detailedDiff: { delay: { diffKind: "update" }, 'tags["a.b"]': { diffKind: "update" } },
  });
  expect(driftResult([changed]).findings[0]?.properties).toEqual([
    { path: "delay", recorded: 5, actual: 9 },
    { path: 'tags["a.b"]', recorded: "1", actual: "2" },
  ]);
});

it("compares inputs, then outputs, when the engine names no path", () => {
  const added = step("update", { old: { inputs: { a: 1 } }, new: { inputs: { a: 1, list: [{ x: 1 }] } } });
  expect(driftResult([added]).findings[0]?.properties).toEqual([{ path: "list", actual: [{ x: 1 }] }]);
  const output = step("update", { old: { outputs: { arn: "a" } }, new: { outputs: { arn: "b" } } });
  expect(driftResult([output]).findings[0]?.properties).toEqual([
    { path: "arn", recorded: "a", actual: "b" },
  ]);
});

it("says that a secret differs, never how", () => {
  const changed = step("update", {
    old: { inputs: { password: SECRET } },
    new: { inputs: { password: SECRET } },
    detailedDiff: { password: { diffKind: "update" } },
  });
  expect(driftResult([changed]).findings[0]?.properties).toEqual([
    { path: "password", recorded: "[secret]", actual: "[secret]" },
  ]);
});

it("ignores what stayed the same, components and providers", () => {
  const component = { ...step("same", {}), old: { custom: false } } as unknown as StepEventMetadata;
  const provider = { ...step("same", {}), type: "pulumi:providers:aws" };
  expect(driftResult([step("same", { new: {} }), component, provider])).toEqual({
    findings: [],
    hidden: [],
    checked: 1,
  });
});

describe("what ignoreChanges hides", () => {
  const urn = step("same", {}).urn;

  it("is listed apart, where the engine says that all is the same", () => {
    const scaled = step("same", {
      old: { inputs: { count: 1, size: 2 } },
      new: { inputs: { count: 4, size: 3 } },
    });
    expect(driftResult([scaled], { [urn]: ["count"] })).toEqual({
      findings: [],
      hidden: [
        expect.objectContaining({ kind: "changed", properties: [{ path: "count", recorded: 1, actual: 4 }] }),
      ],
      checked: 1,
    });
  });

  it("is no part of what else has drifted, whether the engine names the paths or not", () => {
    const both = {
      old: { inputs: { count: 1, tags: { a: "1", b: "1" } } },
      new: { inputs: { count: 4, tags: { a: "2", b: "2" } } },
    };
    const named = { ...both, detailedDiff: { "tags.b": { diffKind: "update" } } };
    for (const change of [both, named]) {
      const { findings, hidden } = driftResult([step("update", change)], { [urn]: ["count", "tags.a"] });
      expect(findings.flatMap(({ properties }) => properties.map(({ path }) => path))).toEqual(["tags.b"]);
      expect(hidden.flatMap(({ properties }) => properties.map(({ path }) => path))).toEqual([
        "count",
        "tags.a",
      ]);
    }
  });

  it("may be named by a pattern", () => {
    const change = {
      old: { inputs: { rules: [{ port: 1, to: 1 }] } },
      new: { inputs: { rules: [{ port: 2, to: 2 }] } },
    };
    const { findings, hidden } = driftResult([step("update", change)], { [urn]: ["rules[*].port"] });
    expect(findings[0]?.properties.map(({ path }) => path)).toEqual(["rules[0].to"]);
    expect(hidden[0]?.properties.map(({ path }) => path)).toEqual(["rules[0].port"]);
  });

  it("does not hide that the resource is gone", () => {
    expect(driftResult([step("delete", {})], { [urn]: ["count"] })).toMatchObject({
      findings: [{ kind: "deleted" }],
      hidden: [],
    });
  });
});
