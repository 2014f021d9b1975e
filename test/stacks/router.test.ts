/** The router's role reads the routing snapshots, and nothing that any tenant has. */
import { beforeAll, describe, expect, it } from "vitest";
import { recordWithMocks } from "../../components/testing/pulumiMocks.ts";
import { everything } from "./accesses.ts";
import { type Access, allowed } from "./evaluator.ts";
import { fleetMember, type Member, type Plane, planeFacts, SETUP_TIMEOUT_MS } from "./fleet.ts";

recordWithMocks();

describe("the router's role", () => {
  let dev: Plane;
  let tenant: Member;
  beforeAll(async () => {
    dev = await planeFacts("dev");
    const planes = new Map([["dev", dev]]);
    tenant = await fleetMember(planes, "dev", "00000000-0000-4000-8000-000000000001", "routing");
  }, SETUP_TIMEOUT_MS);

  const can = (access: Access) => allowed(dev.router, undefined, access);
  const key = (context: string): Access => ({
    action: "kms:Decrypt",
    resource: dev.outputs.kmsKeyArn,
    context: {
      "kms:ViaService": "s3.eu-west-1.amazonaws.com",
      "kms:EncryptionContext:aws:s3:arn": context,
    },
  });

  it("reads routing snapshots with the bucket's key, and lists them", async () => {
    const { snapshotBucketArn } = dev.outputs;
    expect(await can({ action: "s3:GetObject", resource: `${snapshotBucketArn}/routing/1.json` })).toBe(true);
    const list = { action: "s3:ListBucket", resource: snapshotBucketArn };
    expect(await can({ ...list, context: { "s3:prefix": "routing/" } })).toBe(true);
    expect(await can({ ...list, context: { "s3:prefix": "" } })).toBe(false);
    expect(await can(key(snapshotBucketArn))).toBe(true);
  });

  it("writes no snapshot, and reads nothing else of that bucket", async () => {
    const { snapshotBucketArn } = dev.outputs;
    expect(await can({ action: "s3:PutObject", resource: `${snapshotBucketArn}/routing/1.json` })).toBe(
      false,
    );
    expect(await can({ action: "s3:GetObject", resource: `${snapshotBucketArn}/routing-keys/1` })).toBe(
      false,
    );
    expect(await can(key(dev.outputs.dataBucketArn))).toBe(false);
  });

  it("reaches nothing of a tenant", async () => {
    const reached: string[] = [];
    for (const access of everything(tenant))
      if (await can(access)) reached.push(`${access.action} ${access.resource}`);
    expect(reached).toEqual([]);
  });
});
