import { describe, expect, it } from "vitest";
import { type Deployment, parseDeployment } from "./deployment.ts";
import { checkStateIdentity } from "./identity.ts";

const TENANT = "0b9c3c1e-0000-4000-8000-000000000001";
const OTHER = "0b9c3c1e-0000-4000-8000-000000000002";
const TARGET = { projectName: `tenant-${TENANT}`, stackName: "dev-eu-west-1-1" };

function state(...tags: (Record<string, string> | undefined)[]): Deployment {
  const resources = tags.map((tagsAll, index) => ({
    urn: `urn:pulumi:${TARGET.stackName}::${TARGET.projectName}::aws:sqs/queue:Queue::q${index}`,
    type: "aws:sqs/queue:Queue",
    outputs: { ...(tagsAll && { tagsAll }) },
  }));
  return parseDeployment({ version: 3, deployment: { resources } });
}

describe("checkStateIdentity", () => {
  const check = (deployment: Deployment) => () => checkStateIdentity(deployment, TARGET, TENANT);
  const own = { "tenantry:tenant-id": TENANT };

  it("accepts the tenant's own state, untagged parts and an empty stack", () => {
    expect(check(state(own, undefined))).not.toThrow();
    expect(check(state())).not.toThrow();
  });

  it("accepts a stack whose first run ended before anything but its component was made", () => {
    const urn = `urn:pulumi:${TARGET.stackName}::${TARGET.projectName}::tenantry:index:TenantServiceSet::tenant`;
    const resources = [{ urn, type: "tenantry:index:TenantServiceSet", custom: false }];
    expect(check(parseDeployment({ version: 3, deployment: { resources } }))).not.toThrow();
  });

  it("refuses a state with even one resource of another tenant", () => {
    expect(check(state(own, { "tenantry:tenant-id": OTHER }))).toThrow(OTHER);
  });

  it("refuses a state in which nothing says whose it is", () => {
    expect(check(state(undefined, { owner: "somebody" }))).toThrow(
      expect.objectContaining({
        code: "identity_mismatch",
        message: expect.stringContaining("names a tenant"),
      }),
    );
  });

  it("refuses another tenant's stack by its names alone", () => {
    const other = () => checkStateIdentity(state(), { ...TARGET, projectName: `tenant-${OTHER}` }, TENANT);
    expect(other).toThrow(expect.objectContaining({ code: "identity_mismatch" }));
  });
});
