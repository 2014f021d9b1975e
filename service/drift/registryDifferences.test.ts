import { expect, it } from "vitest";
import type { Target } from "../../contract/target.ts";
import { registryDifferences } from "./registryDifferences.ts";

const target = {
  ...{ targetId: "t", tenantId: "x", planeName: "dev-eu-west-1", generation: 1 },
  ...{ projectName: "tenant-x", stackName: "dev-eu-west-1-1", lastOperationStatus: "succeeded" },
  ...{ currentSpecDigest: "d1", currentReleaseNumber: 3, requestedState: "present" },
} as unknown as Target;
const outputs = {
  ...{ tenantId: "x", planeName: "dev-eu-west-1", generation: 1 },
  ...{ specDigest: "d1", releaseNumber: 3, routingTarget: "more" },
};

it("finds nothing where the stack is what the registry says", () => {
  expect(registryDifferences(target, outputs)).toEqual([]);
});

it("tells another release and spec, by value", () => {
  const [found] = registryDifferences(target, { ...outputs, specDigest: "d0", releaseNumber: 2 });
  expect(found).toMatchObject({
    kind: "registry",
    properties: [
      { path: "specDigest", recorded: "d1", actual: "d0" },
      { path: "releaseNumber", recorded: 3, actual: 2 },
    ],
  });
});

it("tells a stack that is gone, unless nothing was ever deployed", () => {
  expect(registryDifferences(target, undefined)).toMatchObject([{ kind: "registry", logicalName: "stack" }]);
  expect(registryDifferences({ ...target, currentSpecDigest: null }, undefined)).toEqual([]);
});

it("compares nothing of a target that is half-way by its own account, or on its way out", () => {
  expect(registryDifferences({ ...target, requestedState: "absent" }, undefined)).toEqual([]);
  const failed = { ...target, lastOperationStatus: "failed" } as const;
  expect(registryDifferences(failed, { ...outputs, specDigest: "d0" })).toEqual([]);
});
