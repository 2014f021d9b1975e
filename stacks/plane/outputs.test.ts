import { describe, expect, it } from "vitest";
import { planeOutputs } from "../testing/tenantSpec.ts";
import { PlaneOutputsError, parsePlaneOutputs } from "./outputs.ts";

describe("parsePlaneOutputs", () => {
  it("takes a complete plane, and leaves out what it does not know", () => {
    expect(parsePlaneOutputs({ ...planeOutputs(), later: 1 })).toEqual(planeOutputs());
  });

  it("names every output that is missing or wrong, and what to do", () => {
    const { clusterArn: _absent, ...rest } = planeOutputs();
    let problem: unknown;
    try {
      parsePlaneOutputs({ ...rest, accountId: "1", privateSubnetIds: ["only-one"] });
    } catch (error) {
      problem = error;
    }
    if (!(problem instanceof PlaneOutputsError)) throw new Error("expected PlaneOutputsError");
    expect(problem.problems.map(({ path }) => path).sort()).toEqual([
      "accountId",
      "clusterArn",
      "privateSubnetIds",
    ]);
    expect(problem.message).toContain("pulumi up");
  });

  it.each([[undefined], [null], [{}], ["outputs"]])("refuses %j", (value) => {
    expect(() => parsePlaneOutputs(value)).toThrow(PlaneOutputsError);
  });
});
