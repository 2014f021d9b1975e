import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { ofType, recordWithMocks, resolved, runMocked } from "../../components/testing/pulumiMocks.ts";
import { parsePlaneConfig } from "./config.ts";
import { parsePlaneOutputs } from "./outputs.ts";
import { planeProgram, ROUTER_VERSION } from "./program.ts";

recordWithMocks({ project: "tenantry", stack: "dev" });

const config = (environment: string, region = "eu-west-1", more: Record<string, unknown> = {}) =>
  parsePlaneConfig(environment, {
    environment,
    domain: `${environment}.tenants.example`,
    aws: { region },
    router: { image: "router:1" },
    ...more,
  });
const run = (environment: string, region?: string, more?: Record<string, unknown>) =>
  runMocked(() => planeProgram(config(environment, region, more)));
type Run = Awaited<ReturnType<typeof run>>;
const only = (result: Run, type: string) => {
  const found = ofType(result, type);
  expect(found, type).toHaveLength(1);
  // biome-ignore lint/style/noNonNullAssertion: the line above has counted it
  return found[0]!;
};

describe("a dev plane", () => {
  let dev: Run;
  beforeAll(async () => {
    dev = await run("dev");
  });

  it("returns every output that the control service needs", async () => {
    const entries = Object.entries(dev.outputs).map(async ([key, value]) => [
      key,
      await resolved<unknown>(value),
    ]);
    const outputs: Record<string, unknown> = Object.fromEntries(await Promise.all(entries));
    expect(parsePlaneOutputs(outputs).planeName).toBe("dev-eu-west-1");
  });

  it("answers HTTPS with TLS 1.3 and 404, redirects HTTP, and sends its own hosts to the router", () => {
    const listeners = Object.fromEntries(
      ofType(dev, "aws:lb/listener:Listener").map(({ name, inputs }) => [name, inputs]),
    );
    expect(listeners.https?.sslPolicy).toMatch(/TLS13/);
    expect(listeners.https?.defaultActions[0]).toMatchObject({
      type: "fixed-response",
      fixedResponse: { statusCode: "404" },
    });
    expect(listeners.http?.defaultActions[0]).toMatchObject({
      type: "redirect",
      redirect: { protocol: "HTTPS" },
    });
    const rule = only(dev, "aws:lb/listenerRule:ListenerRule");
    expect(rule.inputs.conditions).toEqual([{ hostHeader: { values: ["*.dev.tenants.example"] } }]);
  });

  it("sends tenants' own domains to the router only with certificates for them", async () => {
    const of = (id: string) => `arn:aws:acm:eu-west-1:123456789012:certificate/${id}`;
    const certificateArns = [of("one"), of("two"), of("one")];
    const open = await run("dev", "eu-west-1", { customDomains: { certificateArns } });
    const given = ofType(open, "aws:lb/listenerCertificate:ListenerCertificate");
    expect(given.map(({ inputs }) => inputs.certificateArn).sort()).toEqual([of("one"), of("two")]);
    const rules = ofType(open, "aws:lb/listenerRule:ListenerRule").map(({ inputs }) => inputs);
    expect(rules.map(({ priority }) => priority).sort()).toEqual([100, 200]);
    expect(rules.find(({ priority }) => priority === 200)?.conditions).toEqual([
      { pathPattern: { values: ["/*"] } },
    ]);
    expect(ofType(dev, "aws:lb/listenerCertificate:ListenerCertificate")).toEqual([]);
  });

  it("runs Tenantry's own router from the account's registry, which trusts the keys it is told", async () => {
    const containerOf = (run: Run) => {
      const [definition] = ofType(run, "aws:ecs/taskDefinition:TaskDefinition");
      return (JSON.parse(definition?.inputs.containerDefinitions ?? "[]") as Record<string, unknown>[])[0];
    };
    const pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    const own = containerOf(await run("dev", "eu-west-1", { router: { trustedKeys: [pem, pem] } }));
    expect(own?.image).toBe(`123456789012.dkr.ecr.eu-west-1.amazonaws.com/tenantry/router:${ROUTER_VERSION}`);
    expect(own?.environment).toContainEqual({ name: "TRUSTED_KEYS", value: `${pem}\n${pem}` });
    expect(own?.environment).toContainEqual({ name: "PUBLIC_DOMAIN", value: "dev.tenants.example" });
    expect(own).not.toHaveProperty("command");
    expect(containerOf(dev)?.image).toBe("router:1");
    const version = (file: string) =>
      JSON.parse(readFileSync(new URL(file, import.meta.url), "utf8")).version;
    expect([version("../../package.json"), version("../../router/image/package.json")]).toEqual([
      ROUTER_VERSION,
      ROUTER_VERSION,
    ]);
  });

  it("encrypts, versions and closes both buckets", () => {
    const names = ofType(dev, "aws:s3/bucket:Bucket").map(({ name }) => name);
    expect(names.sort()).toEqual(["archive", "data", "snapshots"]);
    const parts = [
      "aws:s3/bucketVersioning:BucketVersioning",
      "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
      "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
      "aws:s3/bucketPolicy:BucketPolicy",
    ];
    for (const part of parts)
      expect(
        ofType(dev, part)
          .map(({ name }) => name)
          .sort(),
        part,
      ).toEqual(names);
    for (const { inputs } of ofType(dev, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")) {
      expect(inputs).toMatchObject({
        blockPublicAcls: true,
        blockPublicPolicy: true,
        restrictPublicBuckets: true,
      });
    }
  });

  it("rotates its key and names no password", () => {
    expect(only(dev, "aws:kms/key:Key").inputs.enableKeyRotation).toBe(true);
    const database = only(dev, "aws:rds/cluster:Cluster").inputs;
    expect(database).toMatchObject({ storageEncrypted: true, manageMasterUserPassword: true });
    expect(database).not.toHaveProperty("masterPassword");
  });

  it("can be thrown away", () => {
    expect(only(dev, "aws:rds/cluster:Cluster").inputs).toMatchObject({
      deletionProtection: false,
      skipFinalSnapshot: true,
    });
    for (const { inputs } of ofType(dev, "aws:s3/bucket:Bucket")) expect(inputs.forceDestroy).toBe(true);
    expect(only(dev, "awsx:ec2:Vpc").inputs.natGateways).toEqual({ strategy: "Single" });
  });
});

describe("a prod plane", () => {
  it("is protected and has a NAT gateway per zone", async () => {
    const prod = await run("prod");
    expect(only(prod, "aws:rds/cluster:Cluster").inputs).toMatchObject({
      deletionProtection: true,
      skipFinalSnapshot: false,
      finalSnapshotIdentifier: "tenantry-prod-eu-west-1-final",
    });
    for (const { inputs } of ofType(prod, "aws:s3/bucket:Bucket")) expect(inputs.forceDestroy).toBe(false);
    expect(only(prod, "aws:lb/loadBalancer:LoadBalancer").inputs.enableDeletionProtection).toBe(true);
    expect(only(prod, "awsx:ec2:Vpc").inputs.natGateways).toEqual({ strategy: "OnePerAz" });
    expect(ofType(prod, "aws:rds/clusterInstance:ClusterInstance")).toHaveLength(2);
  });
});

describe("a tenant's own plane", () => {
  it("tells the external id that its roles ask for", async () => {
    const own = await run("dev", "eu-west-1", { controller: { externalId: "of-acme" } });
    expect(await resolved<unknown>(own.outputs.controllerExternalId)).toBe("of-acme");
    const trusts = ofType(own, "aws:iam/role:Role").filter(({ name }) =>
      /^(controller|automation)$/.test(name),
    );
    expect(trusts).toHaveLength(2);
    for (const { inputs } of trusts) {
      const [statement] = JSON.parse(inputs.assumeRolePolicy).Statement;
      expect(statement.Condition).toEqual({ StringEquals: { "sts:ExternalId": "of-acme" } });
    }
  });

  it("carries the tenant in its name, its outputs and its tags", async () => {
    const dedicatedTo = "0b54c7a1-6f43-4a0e-9a55-6d2f1c3e8b01";
    const own = await run("prod", "eu-west-1", { dedicatedTo, dedicatedNetwork: "subnets" });
    expect(own.outputs).toMatchObject({
      planeName: "prod-eu-west-1-0b54c7a1",
      dedicatedTo,
      dedicatedNetwork: "subnets",
    });
    expect(only(own, "aws:ecs/cluster:Cluster").inputs.tags).toMatchObject({
      "tenantry:plane": "prod-eu-west-1-0b54c7a1",
      "tenantry:dedicated-to": dedicatedTo,
    });
    expect((await run("prod")).outputs).not.toHaveProperty("dedicatedTo");
  });
});

describe("two planes in one account", () => {
  it("share no physical name", async () => {
    const NAME_INPUTS = [
      "name",
      "bucket",
      "clusterIdentifier",
      "identifier",
      "family",
      "finalSnapshotIdentifier",
    ];
    // Named within something that is the plane's already, or by Pulumi.
    const inner = [
      "aws:rds/clusterParameterGroup:ClusterParameterGroup",
      "aws:iam/rolePolicy:RolePolicy",
      "aws:ecs/service:Service",
      "aws:route53/record:Record",
    ];
    const account: string[] = [];
    for (const [environment, region] of [
      ["dev", "eu-west-1"],
      ["stage", "eu-west-1"],
      ["prod", "eu-west-1"],
      ["prod", "us-east-1"],
    ] as const) {
      const plane = await run(environment, region, { domain: `${environment}-${region}.tenants.example` });
      for (const { type, inputs } of plane.resources) {
        const names = type === "aws:rds/clusterInstance:ClusterInstance" ? ["identifier"] : NAME_INPUTS;
        if (inner.includes(type) || (type.startsWith("aws:s3/bucket") && type !== "aws:s3/bucket:Bucket"))
          continue;
        for (const key of names)
          if (typeof inputs[key] === "string") account.push(`${type} ${key} ${inputs[key]}`);
      }
    }
    expect(account.length).toBeGreaterThan(60);
    expect(account.filter((name, index) => account.indexOf(name) !== index)).toEqual([]);
  });
});
