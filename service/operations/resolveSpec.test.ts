import { expect, it } from "vitest";
import type { Plane } from "../../contract/plane.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { readSettings } from "../config.ts";
import { cloudPlace } from "./dataPlace.ts";
import { parseEndpoints, providerSettings } from "./resolveSpec.ts";

const { plane: recorded } = tenantSpec();
const plane = { ...recorded, outputs: { ...recorded.outputs } } as unknown as Plane;
const roleOf = (...flags: string[]) => providerSettings(plane, readSettings(flags, {})).assumeRole?.roleArn;

it("runs on AWS with its own credentials, each plane's controller role or one role, as told", () => {
  expect(roleOf("--cloud", "aws")).toBeUndefined();
  expect(roleOf("--cloud", "aws", "--aws-assume-role", "plane")).toBe(recorded.outputs.controllerRoleArn);
  const arn = "arn:aws:iam::123456789012:role/deploy";
  expect(roleOf("--cloud", "aws", "--aws-assume-role", arn)).toBe(arn);
  expect(() => roleOf("--cloud", "aws", "--aws-assume-role", "deploy")).toThrow(/must be `plane`, `none`/);
});

it("brings the external id that a plane's roles ask for, and to no other role", () => {
  const careful = { ...plane, outputs: { ...recorded.outputs, controllerExternalId: "of-acme" } };
  const assumed = (role: string) =>
    providerSettings(careful, readSettings(["--cloud", "aws", "--aws-assume-role", role], {})).assumeRole;
  expect(assumed("plane")).toMatchObject({ externalId: "of-acme" });
  expect(assumed("arn:aws:iam::123456789012:role/deploy")).not.toHaveProperty("externalId");
  const own = { ...careful, dedicatedTo: tenantSpec().tenant.tenantId };
  expect(cloudPlace(own, readSettings([], {}))).toMatchObject({ externalId: "of-acme" });
});

it("assumes no role on the local cloud", () => {
  expect(roleOf("--aws-assume-role", "plane")).toBeUndefined();
});

it("pins the account and the region of the plane", () => {
  expect(providerSettings(plane, readSettings([], {}))).toMatchObject({
    region: recorded.region,
    allowedAccountIds: [recorded.accountId],
  });
});

it("reads one endpoint for all services, or one each", () => {
  expect(parseEndpoints("http://127.0.0.1:5000")).toBe("http://127.0.0.1:5000");
  expect(parseEndpoints("s3=https://s3.example, ecs=https://ecs.example")).toEqual({
    s3: "https://s3.example",
    ecs: "https://ecs.example",
  });
});
