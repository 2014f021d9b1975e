import { describe, expect, it } from "vitest";
import { planeName } from "../../stacks/tenant/names.ts";
import { placeOf } from "./place.ts";

describe("placeOf", () => {
  it.each([
    ["dev", "eu-west-1", undefined],
    ["stage", "us-gov-west-1", undefined],
    ["prod", "ap-southeast-2", "0b54c7a1-5a0c-4b7e-9f59-0d6a1f6c2f11"],
  ])("reads environment and region from the name of a plane: %s in %s", (environment, region, owner) => {
    expect(placeOf(planeName(environment, region, owner))).toEqual({ environment, region });
  });

  it.each([null, "", "eu-west-1", "production-eu-west-1"])("says that it does not know of %j", (name) => {
    expect(placeOf(name)).toEqual({ environment: "unknown", region: "unknown" });
  });
});
