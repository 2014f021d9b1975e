import { beforeAll, describe, expect, it } from "vitest";
import {
  ofType,
  recordWithMocks,
  resolved,
  runMocked,
  runRefused,
} from "../../components/testing/pulumiMocks.ts";
import { TENANT_ID, tenantSpec } from "../testing/tenantSpec.ts";
import { projectName, stackName } from "./names.ts";
import { tenantProgram } from "./program.ts";
import { SERVICE_NAMES, specDigest, type TenantSpec } from "./spec.ts";

recordWithMocks();

const identityOf = (spec: TenantSpec) => ({
  project: projectName(spec.tenant.tenantId),
  stack: stackName(spec.plane.name, spec.generation),
});
const run = (spec: TenantSpec) => runMocked(tenantProgram(spec, identityOf(spec)));
const TYPE = {
  service: "aws:ecs/service:Service",
  taskDefinition: "aws:ecs/taskDefinition:TaskDefinition",
  role: "aws:iam/role:Role",
  scalingTarget: "aws:appautoscaling/target:Target",
};

describe("the tenant program", () => {
  const spec = tenantSpec();
  let first: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    first = await run(spec);
  });

  it("gives the five services a task definition, a role and a log group each", () => {
    const services = ofType(first, TYPE.service);
    expect(services.map((service) => service.name).sort()).toEqual([...SERVICE_NAMES].sort());
    expect(ofType(first, TYPE.taskDefinition)).toHaveLength(5);
    expect(
      ofType(first, TYPE.role)
        .map((role) => role.name)
        .sort(),
    ).toEqual([...SERVICE_NAMES, "execution"].sort());
    expect(ofType(first, "aws:cloudwatch/logGroup:LogGroup")).toHaveLength(5);
    const worn = new Set(
      ofType(first, TYPE.taskDefinition).map((definition) => definition.inputs.taskRoleArn),
    );
    expect(worn.size).toBe(5);
  });

  it("creates no listener rule and no target group", () => {
    expect(first.resources.filter(({ type }) => type.startsWith("aws:lb/"))).toEqual([]);
  });

  it("names the HTTP services privately and the worker not", () => {
    const names = ofType(first, "aws:servicediscovery/service:Service").map((service) => service.name);
    expect(names.sort()).toEqual(SERVICE_NAMES.filter((name) => name !== "discovery-worker").sort());
    const worker = ofType(first, TYPE.service).find(({ name }) => name === "discovery-worker");
    expect(worker?.inputs.serviceRegistries).toBeUndefined();
  });

  it("puts every role under the boundary and the tenant path", () => {
    for (const role of ofType(first, TYPE.role)) {
      expect(role.inputs.permissionsBoundary).toBe(spec.plane.outputs.tenantBoundaryArn);
      expect(role.inputs.path).toBe(spec.plane.outputs.tenantRolePath);
    }
  });

  it("tags everything that takes tags with whose it is", () => {
    const untaggable = ["aws:iam/rolePolicy:RolePolicy", "aws:appautoscaling/policy:Policy"];
    const taggable = first.resources.filter(
      ({ type }) => type.startsWith("aws:") && !untaggable.includes(type),
    );
    expect(taggable.length).toBeGreaterThan(30);
    for (const { type, name, inputs } of taggable) {
      expect(inputs.tags, `${type} ${name}`).toMatchObject({
        "tenantry:managed": "true",
        "tenantry:tenant-id": TENANT_ID,
        "tenantry:slug": "acme",
        "tenantry:environment": "dev",
        "tenantry:plane": "dev-eu-west-1",
        "tenantry:plan": "starter",
      });
    }
  });

  it("tags the services, and nothing else, with what is deployed, so that a release changes little", () => {
    const versioned = first.resources.filter(({ inputs }) => inputs.tags?.["tenantry:release"] !== undefined);
    expect(versioned.map(({ type }) => type)).toEqual(Array(5).fill("aws:ecs/service:Service"));
    for (const { inputs } of versioned)
      expect(inputs.tags).toMatchObject({
        "tenantry:release": "1",
        "tenantry:spec-digest": specDigest(spec),
      });
  });

  it("hands each service its own variables and no other's", () => {
    const [container] = JSON.parse(
      ofType(first, TYPE.taskDefinition).find(({ name }) => name === "iam-service")?.inputs
        .containerDefinitions,
    );
    const variables = Object.fromEntries(
      container.environment.map(({ name, value }: { name: string; value: string }) => [name, value]),
    );
    expect(variables).toMatchObject({
      TENANT_ID,
      SERVICE_NAME: "iam-service",
      LOG_LEVEL: "info",
      PORT: "8080",
    });
    expect(variables.TENANT_CREDENTIALS_SECRET).toContain(`/dev/tenants/${TENANT_ID}/iam-service/`);
    expect(variables).not.toHaveProperty("DATA_BUCKET");
    expect(variables).not.toHaveProperty("WORK_QUEUE_URL");
  });

  it("tells the control service where the tenant answers", async () => {
    expect(first.outputs).toMatchObject({
      tenantId: TENANT_ID,
      planeName: "dev-eu-west-1",
      generation: 1,
      specDigest: specDigest(spec),
      clusterName: "tenantry-dev-eu-west-1",
      publicName: "acme.dev.tenants.example",
    });
    expect(first.outputs.routingTarget).toMatch(
      /^tn-dev-0b54c7a1-[a-z2-7]{12}-g1\.dev-eu-west-1\.tenantry\.internal$/,
    );
    expect(await resolved(first.outputs.services["iam-service"])).toMatch(/^arn:aws:ecs:.*-iam-service$/);
  });

  it("stays within sixty resources", () => {
    expect(first.resources.length).toBeLessThanOrEqual(60);
  });

  it("keeps logical names whatever the options are", async () => {
    const names = (result: typeof first) =>
      result.resources.map(({ type, name }) => `${type} ${name}`).sort();
    const other = await run(
      tenantSpec({
        slug: "other",
        generation: 7,
        workload: "suspended",
        releaseNumber: 9,
        environment: "prod",
      }),
    );
    expect(names(other)).toEqual(names(first));
  });

  it("registers nothing to scale where the plan leaves nothing to scale", async () => {
    const fixed = await run(tenantSpec({ minCount: 2, maxCount: 2 }));
    expect(ofType(fixed, TYPE.scalingTarget)).toEqual([]);
    expect(ofType(fixed, TYPE.service).map(({ inputs }) => inputs.desiredCount)).toEqual([2, 2, 2, 2, 2]);
  });

  it("suspends tasks and autoscaling together", async () => {
    const suspended = await run(tenantSpec({ workload: "suspended" }));
    for (const { inputs } of ofType(suspended, TYPE.service)) expect(inputs.desiredCount).toBe(0);
    expect(ofType(suspended, TYPE.scalingTarget)).toHaveLength(5);
    for (const { inputs } of ofType(suspended, TYPE.scalingTarget)) {
      expect(inputs).toMatchObject({ minCapacity: 0, maxCapacity: 0 });
    }
  });

  it("injects a referred secret into its own service only", async () => {
    const name = `/dev/tenants/${TENANT_ID}/integrations-service/crm`;
    const referred = await run(tenantSpec({ secretRefs: { CRM_TOKEN: name } }));
    for (const { name: service, inputs } of ofType(referred, TYPE.taskDefinition)) {
      const [container] = JSON.parse(inputs.containerDefinitions);
      const expected = [
        { name: "CRM_TOKEN", valueFrom: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${name}` },
      ];
      expect(container.secrets).toEqual(service === "integrations-service" ? expected : []);
    }
  });
});

describe("what the tenant program refuses", () => {
  const spec = tenantSpec();
  const other = "11111111-6f43-4a0e-9a55-6d2f1c3e8b01";
  const refusals: readonly [string, TenantSpec, Partial<ReturnType<typeof identityOf>>, RegExp][] = [
    [
      "another tenant's project",
      spec,
      { project: projectName(other) },
      /the project must be "tenant-0b54c7a1/,
    ],
    ["another stack", spec, { stack: "dev-eu-west-1-2" }, /the stack must be "dev-eu-west-1-1"/],
    [
      "a plane of another environment",
      { ...spec, environment: "prod" },
      {},
      /the plane must be "prod-eu-west-1", got "dev-eu-west-1"/,
    ],
    [
      "a plane of another region",
      { ...spec, provider: { region: "us-east-1" } },
      {},
      /the provider's region must be "eu-west-1", got "us-east-1"/,
    ],
    [
      "outputs of another plane",
      { ...spec, plane: { ...spec.plane, outputs: tenantSpec({ environment: "prod" }).plane.outputs } },
      {},
      /the plane's own name/,
    ],
    [
      "another account",
      { ...spec, provider: { ...spec.provider, allowedAccountIds: ["999999999999"] } },
      {},
      /the provider's account/,
    ],
    [
      "another tenant's secret",
      tenantSpec({ secretRefs: { STOLEN: `/dev/tenants/${other}/iam-service/credentials` } }),
      {},
      /secret reference STOLEN/,
    ],
    [
      "a secret reference that climbs out",
      tenantSpec({ secretRefs: { ALL: `/dev/tenants/${TENANT_ID}/iam-service/*` } }),
      {},
      /secret reference ALL/,
    ],
  ];

  it.each(refusals)("%s", async (_what, wrong, identity, message) => {
    const program = tenantProgram(wrong, { ...identityOf(spec), ...identity });
    const { reason, resources } = await runRefused(program);
    expect(reason).toMatch(message);
    expect(resources).toEqual([]);
  });
});
