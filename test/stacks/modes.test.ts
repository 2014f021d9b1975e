/**
 * Tenants in every isolation mode on the local cloud: one plane for all, and one of a single tenant's in a second
 * account. The steps share the planes, which take the longest.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Plane } from "../../contract/plane.ts";
import { readSettings } from "../../service/config.ts";
import { providerSettings } from "../../service/operations/resolveSpec.ts";
import { type PlaneOutputs, parsePlaneOutputs } from "../../stacks/plane/outputs.ts";
import { layoutOf } from "../../stacks/tenant/layoutOf.ts";
import { planeName } from "../../stacks/tenant/names.ts";
import { type Isolation, isolationOf, type TenantSpec, tenantSubnetBlock } from "../../stacks/tenant/spec.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { type CloudObject, type EngineWorld, openWorld, targetOf } from "../engine/world.ts";
import { upAccountPlane } from "./accountPlane.ts";
import { scriptPulumi } from "./commands.ts";

const TYPE = {
  bucket: "aws:s3/bucket:Bucket",
  cluster: "aws:ecs/cluster:Cluster",
  database: "aws:rds/cluster:Cluster",
  key: "aws:kms/key:Key",
  loadBalancer: "aws:lb/loadBalancer:LoadBalancer",
  natGateway: "aws:ec2/natGateway:NatGateway",
  queue: "aws:sqs/queue:Queue",
  secret: "aws:secretsmanager/secret:Secret",
  service: "aws:ecs/service:Service",
  subnet: "aws:ec2/subnet:Subnet",
  vpc: "aws:ec2/vpc:Vpc",
} as const;
/** What tells the modes apart. */
const OWNABLE = ["bucket", "cluster", "database", "key", "loadBalancer", "subnet", "vpc"] as const;
const STACK_TIMEOUT_MS = 240_000;

let world: EngineWorld;
let shared: PlaneOutputs;
beforeAll(async () => {
  world = await openWorld({ workers: 1 });
  await scriptPulumi(world.dataDir, "up", "--stack", "dev", "--yes", "--skip-preview");
  shared = parsePlaneOutputs(await world.engine.planeOutputs({ stack: "dev" }));
}, STACK_TIMEOUT_MS);
afterAll(() => world?.close());

const newSpec = (plane: PlaneOutputs, isolation: Isolation): TenantSpec =>
  tenantSpec({
    plane,
    isolation,
    tenantId: randomUUID(),
    slug: `t${randomUUID().slice(0, 8)}`,
    planKey: "enterprise",
  });
const ofType = (resources: readonly CloudObject[], type: keyof typeof TYPE) =>
  resources.filter((resource) => resource.type === TYPE[type]);
const owned = (resources: readonly CloudObject[]) =>
  OWNABLE.filter((type) => ofType(resources, type).length > 0);

describe("a tenant on a plane for all", () => {
  it("shares all but queues, secrets and roles when it is pooled", async () => {
    const spec = newSpec(shared, isolationOf("pooled"));
    const { outputs } = await world.engine.up(spec);
    const resources = await world.cloudResources(spec.tenant.tenantId);
    expect(owned(resources)).toEqual([]);
    expect(ofType(resources, "queue")).toHaveLength(2);
    expect(outputs).toMatchObject({
      isolation: "pooled",
      clusterName: shared.clusterName,
      bucketName: shared.dataBucketName,
      databaseEndpoint: shared.databaseEndpoint,
      adminSecretArn: shared.databaseMasterSecretArn,
      kmsKeyArn: shared.kmsKeyArn,
      loadBalancerDnsName: shared.loadBalancerDnsName,
    });
    expect(outputs).not.toHaveProperty("ownDatabase");
  });

  it(
    "owns its data and shares control when it is hybrid",
    async () => {
      const spec = newSpec(shared, isolationOf("hybrid"));
      const { outputs } = await world.engine.up(spec);
      const resources = await world.cloudResources(spec.tenant.tenantId);
      expect(owned(resources)).toEqual(["bucket", "database", "key"]);
      const [key] = ofType(resources, "key");
      expect(outputs).toMatchObject({
        clusterName: shared.clusterName,
        bucketName: layoutOf(spec).own.bucketName,
        ownDataBucketName: layoutOf(spec).own.bucketName,
        kmsKeyArn: key?.properties.arn,
      });
      expect(outputs.ownDatabase).toMatchObject({ clusterIdentifier: layoutOf(spec).own.databaseIdentifier });
      for (const type of ["queue", "secret"] as const)
        for (const { properties } of ofType(resources, type))
          expect([properties.kmsMasterKeyId, properties.kmsKeyId]).toContain(key?.properties.arn);
      await world.engine.destroy({ ...targetOf(spec), tenantId: spec.tenant.tenantId });
      const left = await world.cloudResources(spec.tenant.tenantId);
      expect(left.filter(({ state }) => state === "present").map(({ type }) => type)).toEqual([]);
    },
    STACK_TIMEOUT_MS,
  );

  it(
    "owns everything in a network of its own when it is dedicated, and shows no drift",
    async () => {
      const spec = newSpec(shared, isolationOf("dedicated"));
      const { outputs } = await world.engine.up(spec);
      const resources = await world.cloudResources(spec.tenant.tenantId);
      expect(owned(resources)).toEqual([...OWNABLE]);
      const [vpc] = ofType(resources, "vpc");
      expect(outputs).toMatchObject({ clusterName: layoutOf(spec).own.clusterName, vpcId: vpc?.id });
      for (const { properties } of ofType(resources, "service"))
        expect(String(properties.cluster)).toContain(layoutOf(spec).own.clusterName);
      for (const { properties } of ofType(resources, "subnet")) expect(properties.vpcId).toBe(vpc?.id);
      expect(outputs.loadBalancerDnsName).not.toBe(shared.loadBalancerDnsName);
      expect((await world.engine.drift(targetOf(spec))).findings).toEqual([]);
      const again = await world.engine.up(spec);
      expect(again.changed).toBe(false);
      await world.engine.destroy({ ...targetOf(spec), tenantId: spec.tenant.tenantId });
      const left = await world.cloudResources(spec.tenant.tenantId);
      expect(left.filter(({ state }) => state === "present").map(({ type }) => type)).toEqual([]);
    },
    STACK_TIMEOUT_MS,
  );

  it(
    "has subnets of its own in the plane's network when the plane gives them",
    async () => {
      const cidrBlock = tenantSubnetBlock(shared.vpcCidrBlock ?? "", 3);
      const spec = newSpec(shared, isolationOf("dedicated", { network: "subnets", cidrBlock }));
      await world.engine.up(spec);
      const resources = await world.cloudResources(spec.tenant.tenantId);
      expect(owned(resources)).toEqual(OWNABLE.filter((type) => type !== "vpc"));
      expect(ofType(resources, "natGateway")).toEqual([]);
      const blocks = ofType(resources, "subnet").map(({ properties }) => properties.cidrBlock);
      expect(blocks.sort()).toEqual(["10.32.195.0/25", "10.32.195.128/25"]);
      for (const { properties } of ofType(resources, "subnet")) expect(properties.vpcId).toBe(shared.vpcId);
    },
    STACK_TIMEOUT_MS,
  );
});

describe("a tenant with an account of its own", () => {
  const ACCOUNT = "222233334444";
  const tenantId = randomUUID();

  it(
    "has its plane and itself there, and nothing in the first account",
    async () => {
      await upAccountPlane(world.dataDir, { stack: "strict", tenantId, account: ACCOUNT });
      const own = parsePlaneOutputs(await world.engine.planeOutputs({ stack: "strict" }));
      expect(own).toMatchObject({ accountId: ACCOUNT, dedicatedTo: tenantId });
      expect(own.planeName).toBe(planeName("dev", "eu-west-1", tenantId));
      expect(own.controllerRoleArn).toContain(`:${ACCOUNT}:`);
      const base = tenantSpec({ plane: own, tenantId, slug: "strict", isolation: isolationOf("account") });
      const provider = providerSettings(recorded(own), readSettings([], {}));
      expect(provider.assumeRole?.roleArn).toBe(own.controllerRoleArn);
      await world.engine.up({ ...base, provider });

      const tenants = await listed(`tag.tenantry:tenant-id=${tenantId}`);
      const planes = await listed(`tag.tenantry:plane=${own.planeName}`);
      expect(tenants.length).toBeGreaterThan(30);
      expect(planes.length).toBeGreaterThan(tenants.length + 20);
      for (const { account, type, name } of planes) expect(account, `${type} ${name}`).toBe(ACCOUNT);
      for (const { account, type, name } of tenants) expect(account, `${type} ${name}`).toBe(ACCOUNT);
      const first = await listed(`account=${shared.accountId}`);
      const text = JSON.stringify(first);
      expect(text).not.toContain(tenantId);
      expect(text).not.toContain(own.planeName);
      const second = await listed(`account=${ACCOUNT}`);
      expect(second.length).toBeGreaterThan(80);
    },
    2 * STACK_TIMEOUT_MS,
  );

  it("keeps every other tenant off that plane", async () => {
    const own = parsePlaneOutputs(await world.engine.planeOutputs({ stack: "strict" }));
    const stranger = newSpec(own, isolationOf("pooled"));
    await expect(world.engine.up(stranger)).rejects.toThrow(/the plane's own tenant must be/);
    expect(await world.cloudResources(stranger.tenant.tenantId)).toEqual([]);
  });
});

interface Listed extends CloudObject {
  readonly account: string;
}

async function listed(query: string): Promise<readonly Listed[]> {
  const answer = await world.control("GET", `/v1/resources?limit=5000&${query}`);
  return (answer as { resources: Listed[] }).resources;
}

function recorded(outputs: PlaneOutputs): Plane {
  const { planeName: name, environment, region, accountId, dedicatedTo = null } = outputs;
  const at = new Date(0).toISOString();
  return {
    ...{ name, environment, region, accountId, dedicatedTo, outputs, stackName: "strict" },
    ...{ planeId: randomUUID(), recordVersion: 1, createdAt: at, updatedAt: at },
  };
}
