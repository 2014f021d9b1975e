/** What each isolation mode adds, and what it leaves as it is. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  ofType,
  type RecordedResource,
  recordWithMocks,
  resolved,
  runMocked,
  runRefused,
} from "../../components/testing/pulumiMocks.ts";
import { planeOutputs, TENANT_ID, tenantSpec } from "../testing/tenantSpec.ts";
import { assertSpecIdentity, IdentityMismatchError } from "./identity.ts";
import { clusterNameOf, layoutOf } from "./layoutOf.ts";
import { planeName, projectName, stackName } from "./names.ts";
import { tenantProgram } from "./program.ts";
import { type Isolation, isolationOf, specDigest, TenantSpec } from "./spec.ts";

recordWithMocks();

const identityOf = (spec: TenantSpec) => ({
  project: projectName(spec.tenant.tenantId),
  stack: stackName(spec.plane.name, spec.generation),
});
const run = (spec: TenantSpec) => runMocked(tenantProgram(spec, identityOf(spec)));
const SUBNETS = isolationOf("dedicated", { network: "subnets", cidrBlock: "10.32.192.0/24" });
const MODES: Readonly<Record<string, Isolation>> = {
  pooled: isolationOf("pooled"),
  hybrid: isolationOf("hybrid"),
  vpc: isolationOf("dedicated"),
  subnets: SUBNETS,
  account: isolationOf("account"),
};
const nameOf = ({ type, name }: RecordedResource) => `${type} ${name}`;
const RULE = "aws:lb/listenerRule:ListenerRule";

describe("the modes of isolation", () => {
  const runs = new Map<string, Awaited<ReturnType<typeof run>>>();
  beforeAll(async () => {
    for (const [mode, isolation] of Object.entries(MODES))
      runs.set(mode, await run(tenantSpec({ isolation })));
  });
  const of = (mode: string) => {
    const found = runs.get(mode);
    if (found === undefined) throw new Error(`no run of ${mode}`);
    return found;
  };

  it("leave the logical name of what exists in all modes alone", () => {
    const pooled = of("pooled").resources.map(nameOf);
    for (const mode of Object.keys(MODES)) {
      const names = of(mode).resources.map(nameOf);
      expect(
        pooled.filter((name) => !names.includes(name)),
        mode,
      ).toEqual([]);
      expect(new Set(names).size, mode).toBe(names.length);
    }
    expect(of("account").resources.map(nameOf).sort()).toEqual([...pooled].sort());
  });

  it("have no type that a tenant with everything of its own lacks, with which recovery is tested", () => {
    const whole = new Set(of("vpc").resources.map(({ type }) => type));
    for (const mode of Object.keys(MODES))
      for (const { type } of of(mode).resources) expect(whole, `${mode} ${type}`).toContain(type);
  });

  it("tag everything that takes tags with whose it is and how it must be treated", () => {
    const untaggable =
      /rolePolicy|appautoscaling\/policy|kms\/alias|s3\/bucket[A-Z]|route53\/record|ec2\/route(TableAssociation)?:/;
    for (const mode of Object.keys(MODES)) {
      for (const { type, name, inputs } of of(mode).resources) {
        if (!type.startsWith("aws:") || untaggable.test(type)) continue;
        expect(inputs.tags, `${mode} ${type} ${name}`).toMatchObject({
          "tenantry:tenant-id": TENANT_ID,
          "tenantry:plane": "dev-eu-west-1",
          "tenantry:data-classification": "confidential",
          "tenantry:isolation": MODES[mode]?.level,
        });
      }
    }
  });

  it("tell the service which cluster, bucket and database are effective", async () => {
    const spec = tenantSpec({ isolation: isolationOf("dedicated") });
    const { own } = layoutOf(spec);
    const { outputs } = of("vpc");
    expect(await resolved(outputs.clusterName)).toBe(own.clusterName);
    expect(clusterNameOf(spec)).toBe(own.clusterName);
    expect(await resolved(outputs.bucketName)).toBe(own.bucketName);
    expect(await resolved(outputs.databaseClusterIdentifier)).toBe(own.databaseIdentifier);
    const hybrid = tenantSpec({ isolation: isolationOf("hybrid") });
    expect(clusterNameOf(hybrid)).toBe(hybrid.plane.outputs.clusterName);
    expect(of("hybrid").outputs).toHaveProperty("ownDatabase");
    expect(of("pooled").outputs).not.toHaveProperty("ownDatabase");
  });

  it("keep a tenant with a database of its own from the plane's", () => {
    const shared = tenantSpec().plane.outputs.taskSecurityGroupId;
    const groups = (mode: string) =>
      ofType(of(mode), "aws:ecs/service:Service").map(
        ({ inputs }) => inputs.networkConfiguration.securityGroups,
      );
    for (const worn of groups("pooled")) expect(worn).toContain(shared);
    for (const mode of ["hybrid", "vpc", "subnets"])
      for (const worn of groups(mode)) expect(worn, mode).not.toContain(shared);
  });

  it("leave no snapshot of a tenant's own database behind, which would outlive its deletion", async () => {
    const result = await run(
      tenantSpec({ isolation: isolationOf("dedicated"), plane: planeOutputs("prod") }),
    );
    const [cluster] = ofType(result, "aws:rds/cluster:Cluster");
    expect(cluster?.inputs).toMatchObject({ skipFinalSnapshot: true });
    expect(cluster?.inputs).not.toHaveProperty("finalSnapshotIdentifier");
  });

  it("let the control service into a tenant's own database, from where the plane says", async () => {
    const plane = { ...planeOutputs(), controllerCidrBlocks: ["10.31.0.0/20"] };
    const open = await run(tenantSpec({ isolation: isolationOf("hybrid"), plane }));
    const ingress = (result: typeof open) =>
      ofType(result, "aws:ec2/securityGroup:SecurityGroup").find(({ name }) => name === "database")?.inputs
        .ingress;
    expect(ingress(open)).toHaveLength(2);
    expect(ingress(open)[1]).toMatchObject({ fromPort: 5432, toPort: 5432, cidrBlocks: ["10.31.0.0/20"] });
    expect(ingress(of("hybrid"))).toHaveLength(1);
  });

  it("hang the HTTP services of a dedicated tenant on its own load balancer", () => {
    const hung = ofType(of("vpc"), "aws:ecs/service:Service").filter(({ inputs }) => inputs.loadBalancers);
    expect(hung.map(({ name }) => name).sort()).toEqual([
      "audit-service",
      "discovery-service",
      "iam-service",
      "integrations-service",
    ]);
    const [record] = ofType(of("vpc"), "aws:route53/record:Record");
    expect(record?.inputs).toMatchObject({ name: "acme.dev.tenants.example", type: "A" });
    expect(ofType(of("hybrid"), RULE)).toEqual([]);
  });

  it("answer a suspended tenant's users at its own load balancer, and change no other rule", async () => {
    const isolation = isolationOf("dedicated");
    const rules = (spec: TenantSpec) => run(spec).then((result) => ofType(result, RULE));
    const open = await rules(tenantSpec({ isolation }));
    for (const spec of [
      { ...tenantSpec({ isolation }), access: "suspended" as const },
      tenantSpec({ isolation, workload: "suspended" }),
    ]) {
      const closed = await rules(spec);
      const extra = closed.filter(({ name }) => !open.some((rule) => rule.name === name));
      expect(closed).toHaveLength(open.length + 1);
      expect(extra[0]?.inputs).toMatchObject({
        priority: 1,
        actions: [{ fixedResponse: { statusCode: "503" } }],
      });
    }
    expect(ofType(await run({ ...tenantSpec(), access: "suspended" }), RULE)).toEqual([]);
  });
});

describe("the isolation in a spec", () => {
  it("is part of its digest", () => {
    const digests = Object.values(MODES).map((isolation) => specDigest(tenantSpec({ isolation })));
    expect(new Set(digests).size).toBe(digests.length);
  });

  it("is read from specs of before there were modes", () => {
    const old = { ...tenantSpec(), isolation: "pooled" };
    expect(TenantSpec.parse(old).isolation).toEqual(isolationOf("pooled"));
  });

  it.each([
    ["a network without addresses", { ...isolationOf("dedicated"), cidrBlock: null }],
    ["addresses without a network", { ...isolationOf("pooled"), cidrBlock: "10.64.0.0/20" }],
    ["an entry of its own in a shared network", { ...isolationOf("hybrid"), loadBalancer: "own" }],
    ["a shared queue", { ...isolationOf("pooled"), queues: "shared" }],
  ])("cannot be %s", (_what, isolation) => {
    expect(TenantSpec.safeParse({ ...tenantSpec(), isolation }).success).toBe(false);
  });

  it("asks for a plane that gives subnets", async () => {
    const { privateRouteTableIds: _tables, ...plane } = planeOutputs();
    const spec = tenantSpec({ isolation: SUBNETS, plane });
    const { reason } = await runRefused(tenantProgram(spec, identityOf(spec)));
    expect(reason).toMatch(/the plane must tell its private route tables/);
  });
});

describe("a plane of one tenant's own", () => {
  const plane = (dedicatedTo: string) => ({
    ...planeOutputs(),
    dedicatedTo,
    planeName: planeName("dev", "eu-west-1", dedicatedTo),
  });

  it("carries the tenant in its name, and takes no other", () => {
    const own = tenantSpec({ plane: plane(TENANT_ID) });
    expect(own.plane.name).toBe("dev-eu-west-1-0b54c7a1");
    expect(() => assertSpecIdentity(own, identityOf(own))).not.toThrow();
    // The same first digits: the name alone would not tell them apart.
    const stranger = tenantSpec({ plane: plane(TENANT_ID), tenantId: `${TENANT_ID.slice(0, -1)}2` });
    expect(() => assertSpecIdentity(stranger, identityOf(stranger))).toThrow(IdentityMismatchError);
    const unnamed = tenantSpec({ plane: { ...plane(TENANT_ID), dedicatedTo: undefined } });
    expect(() => assertSpecIdentity(unnamed, identityOf(unnamed))).toThrow(
      /the plane must be "dev-eu-west-1"/,
    );
  });
});
