import type { CloudResource, CloudRuntime, ServiceHealth, Usage } from "../../service/cloud/cloudRuntime.ts";
import type { TenantDatabases } from "../../service/database/tenantDatabases.ts";
import { assertPlan } from "../../service/engine/changes.ts";
import type {
  DriftFinding,
  Engine,
  PlannedChange,
  RunHooks,
  StackTarget,
  UpResult,
} from "../../service/engine/engine.ts";
import { EngineError } from "../../service/engine/errors.ts";
import { projectName, stackName } from "../../stacks/tenant/names.ts";
import { SERVICE_NAMES, specDigest, type TenantSpec } from "../../stacks/tenant/spec.ts";
import { createFakeData, type FakeData, fakeDatabases, fakeDataCalls } from "./fakeData.ts";
import { fakePlan } from "./fakePlan.ts";

/** What the fake cloud holds: one entry a stack. Engine and CloudRuntime both look at it, as the real ones do. */
export interface FakeStack {
  spec: TenantSpec;
  findings: DriftFinding[];
  /** What a drift scan finds behind `ignoreChanges`. */
  hidden?: DriftFinding[];
  /** Objects with the tenant's tag that the stack's state does not know. */
  stray?: CloudResource[];
  /** What the stack says of itself instead of what its spec has. */
  outputs?: Readonly<Record<string, unknown>>;
  /** Left behind by destroy when set, as a secret in its recovery window would be. */
  leftovers: CloudResource[];
  healthy: boolean;
}

export interface FakeWorld {
  readonly engine: Engine;
  readonly cloud: CloudRuntime;
  readonly databases: TenantDatabases;
  readonly data: FakeData;
  readonly stacks: Map<string, FakeStack>;
  /** Every engine run that began, as `method stackKey`. */
  readonly runs: string[];
  /** Ids of the runs that were made sure to have ended before another began. */
  readonly settled: string[];
  /** Most runs at once, overall and on any one stack. */
  readonly peaks: { overall: number; perStack: number };
  planeOutputs: Record<string, unknown> | undefined;
  /** Outputs of planes that have a stack of their own, by its name. */
  readonly otherPlanes: Map<string, Record<string, unknown>>;
  /** Errors for the next runs, taken from the front; undefined lets one run pass. */
  failures: (EngineError | undefined)[];
  /** The same for previews. */
  previewFailures: (EngineError | undefined)[];
  /** Planned for a spec instead of what fakePlan.ts makes of it; undefined leaves it at that. */
  plan: ((spec: TenantSpec) => readonly PlannedChange[] | undefined) | undefined;
  /** While set, runs wait for it (or for their signal). */
  gate: Promise<void> | undefined;
  /** The same for previews. */
  previewGate: Promise<void> | undefined;
  leftovers: CloudResource[];
  /** What the cloud tells of its limits, or how it fails to. */
  usages: readonly Usage[] | Error;
}

/** The one object that a stack of the fake cloud holds. */
const SERVICE_ARN = "arn:aws:ecs:::service/a";

export const keyOf = (target: StackTarget) => `${target.projectName}/${target.stackName}`;

const keyOfSpec = (spec: TenantSpec) =>
  `${projectName(spec.tenant.tenantId)}/${stackName(spec.plane.name, spec.generation)}`;

export function createFakeWorld(): FakeWorld {
  const world: FakeWorld = {
    engine: undefined as never,
    cloud: undefined as never,
    databases: undefined as never,
    data: createFakeData(),
    stacks: new Map(),
    runs: [],
    settled: [],
    peaks: { overall: 0, perStack: 0 },
    planeOutputs: planeOutputsFixture(),
    otherPlanes: new Map(),
    failures: [],
    previewFailures: [],
    plan: undefined,
    gate: undefined,
    previewGate: undefined,
    leftovers: [],
    usages: [],
  };
  return Object.assign(world, {
    engine: fakeEngine(world),
    cloud: fakeCloud(world),
    databases: fakeDatabases(world.data),
  });
}

function fakeEngine(world: FakeWorld): Engine {
  const active = new Map<string, number>();
  const run = async <T>(
    method: string,
    key: string,
    hooks: RunHooks | undefined,
    effect: () => T,
  ): Promise<T> => {
    world.runs.push(`${method} ${key}`);
    active.set(key, (active.get(key) ?? 0) + 1);
    world.peaks.overall = Math.max(
      world.peaks.overall,
      [...active.values()].reduce((a, b) => a + b, 0),
    );
    world.peaks.perStack = Math.max(world.peaks.perStack, active.get(key) ?? 0);
    try {
      hooks?.onEvent?.(resourceEvent(key));
      await waitFor(world.gate, hooks?.signal);
      const failure = world.failures.shift();
      if (failure !== undefined) throw failure;
      return effect();
    } finally {
      active.set(key, (active.get(key) ?? 1) - 1);
    }
  };
  const planned = (spec: TenantSpec) =>
    fakePlan(world.stacks.get(keyOfSpec(spec))?.spec, spec, world.plan?.(spec));
  const preview = async (method: string, spec: TenantSpec, hooks: RunHooks | undefined) => {
    world.runs.push(`${method} ${keyOfSpec(spec)}`);
    await waitFor(world.previewGate, hooks?.signal);
    const failure = world.previewFailures.shift();
    if (failure !== undefined) throw failure;
    return planned(spec);
  };
  const write = (spec: TenantSpec, hooks: RunHooks | undefined): UpResult => {
    const key = keyOfSpec(spec);
    if (hooks?.expectedPlan !== undefined) {
      const [projectName = "", stackName = ""] = key.split("/");
      assertPlan({ projectName, stackName }, hooks.expectedPlan.digest, planned(spec));
    }
    world.stacks.set(key, { spec, findings: [], leftovers: [], healthy: true });
    return { outputs: outputsOf(spec), summary: { create: 26 }, changed: true, resources: 26 };
  };
  const recordedIn = (target: StackTarget) =>
    world.stacks.has(keyOf(target)) ? [{ resourceType: "aws:ecs/service:Service", name: SERVICE_ARN }] : [];
  return {
    preview: (spec, hooks) => preview("preview", spec, hooks),
    previewRepair: (spec, hooks) => preview("previewRepair", spec, hooks),
    up: (spec, hooks) => run("up", keyOfSpec(spec), hooks, () => write(spec, hooks)),
    repair: (spec, hooks) => run("repair", keyOfSpec(spec), hooks, () => write(spec, hooks)),
    drift: (target, hooks) =>
      run("drift", keyOf(target), hooks, () => {
        const stack = world.stacks.get(keyOf(target));
        if (stack === undefined) throw new EngineError("stack_not_found", "there is no such stack");
        const { findings, hidden = [] } = stack;
        const outputs = { ...outputsOf(stack.spec), ...stack.outputs };
        return { findings, hidden, checked: 26, outputs, recordedIds: new Set([SERVICE_ARN]) };
      }),
    destroy: (target, hooks) =>
      run("destroy", keyOf(target), hooks, () => {
        const resources = recordedIn(target);
        const existed = world.stacks.delete(keyOf(target));
        return { deleted: existed ? 26 : 0, resources, summary: {}, existed };
      }),
    outputs: async (target) => {
      const stack = world.stacks.get(keyOf(target));
      if (stack === undefined) throw new EngineError("stack_not_found", "there is no such stack");
      return { ...outputsOf(stack.spec), ...stack.outputs };
    },
    planeOutputs: async ({ stack }) => {
      const outputs = world.otherPlanes.get(stack) ?? world.planeOutputs;
      if (outputs === undefined) throw new EngineError("plane_not_found", "there is no such stack");
      return outputs;
    },
    export: async () => ({}),
    recordedIds: async (target) => new Set(recordedIn(target).map(({ name }) => name)),
    recordedResources: async (target) => recordedIn(target),
    inspect: async (target) => ({
      exists: world.stacks.has(keyOf(target)),
      resources: 26,
      pendingOperations: [],
    }),
    settle: async (_target, runId) => void world.settled.push(runId),
    recover: async (target) => ({
      exists: world.stacks.has(keyOf(target)),
      resources: 26,
      pendingOperations: [],
      adopted: [],
    }),
    breakLock: async () => undefined,
    cancel: async () => false,
    close: async () => undefined,
  };
}

function fakeCloud(world: FakeWorld): CloudRuntime {
  return {
    ...fakeDataCalls(world.data),
    usage: async () => {
      if (world.usages instanceof Error) throw world.usages;
      return world.usages;
    },
    serviceHealth: async ({ tenantId }) => {
      const stack = [...world.stacks.values()].find(({ spec }) => spec.tenant.tenantId === tenantId);
      if (stack === undefined) return [];
      const desired = stack.spec.workload === "suspended" ? 0 : 1;
      return SERVICE_NAMES.map((name) => serviceHealth(name, desired, stack.healthy));
    },
    listByTag: async ({ tags }) => {
      const tenantId = tags["tenantry:tenant-id"];
      const stack = [...world.stacks.values()].find(({ spec }) => spec.tenant.tenantId === tenantId);
      return stack === undefined
        ? world.leftovers
        : [{ arn: SERVICE_ARN, type: "ecs:service", id: "a", state: "present" }, ...(stack.stray ?? [])];
    },
  };
}

function serviceHealth(name: string, desired: number, healthy: boolean): ServiceHealth {
  const base = { name, arn: `arn:aws:ecs:eu-west-1:123456789012:service/${name}`, desired, pending: 0 };
  return healthy
    ? { ...base, running: desired, steady: true, healthy: true }
    : { ...base, running: 0, steady: false, healthy: false, reason: "tasks stop at once" };
}

function resourceEvent(key: string) {
  return {
    type: "resource" as const,
    op: "create",
    urn: `urn:pulumi:s::${key}::aws:ecs/service:Service::iam`,
    resourceType: "aws:ecs/service:Service",
    logicalName: "iam",
    status: "done" as const,
    at: new Date().toISOString(),
  };
}

function outputsOf(spec: TenantSpec): Record<string, unknown> {
  return {
    tenantId: spec.tenant.tenantId,
    environment: spec.environment,
    planeName: spec.plane.name,
    generation: spec.generation,
    specDigest: specDigest(spec),
    releaseNumber: spec.release.number,
    clusterName: spec.plane.outputs.clusterName,
    serviceNamespace: spec.plane.outputs.serviceNamespaceName,
    routingTarget: `integrations-service.${spec.plane.outputs.serviceNamespaceName}`,
    publicName: `${spec.tenant.slug}.${spec.plane.outputs.domain}`,
    services: {},
    ...ownDataOf(spec),
  };
}

function ownDataOf({ isolation, tenant: { tenantId } }: TenantSpec): Record<string, unknown> {
  const server = {
    clusterIdentifier: tenantId,
    endpoint: "own.example",
    port: 5432,
    databaseName: "tenantry",
  };
  return {
    ...(isolation.bucket === "own" && { ownDataBucketName: `own-${tenantId}` }),
    ...(isolation.database === "own" && {
      ownDatabase: { ...server, masterSecretArn: `rds!cluster-${tenantId}` },
    }),
  };
}

async function waitFor(gate: Promise<void> | undefined, signal: AbortSignal | undefined): Promise<void> {
  if (gate === undefined) return;
  const aborted = new Promise<never>((_, reject) => {
    const stop = () => reject(new EngineError("cancelled", "the run was cancelled"));
    if (signal?.aborted === true) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });
  await Promise.race([gate, aborted]);
}

export function planeOutputsFixture(): Record<string, unknown> {
  const arn = (rest: string) => `arn:aws:${rest}`;
  return {
    formatVersion: 1,
    planeName: "dev-eu-west-1",
    environment: "dev",
    region: "eu-west-1",
    accountId: "123456789012",
    partition: "aws",
    domain: "dev.tenantry.example",
    vpcId: "vpc-1",
    availabilityZones: ["eu-west-1a", "eu-west-1b"],
    publicSubnetIds: ["subnet-1", "subnet-2"],
    privateSubnetIds: ["subnet-3", "subnet-4"],
    routerSecurityGroupId: "sg-1",
    taskSecurityGroupId: "sg-2",
    clusterName: "dev-cluster",
    clusterArn: arn("ecs:eu-west-1:123456789012:cluster/dev-cluster"),
    serviceNamespaceId: "ns-1",
    serviceNamespaceName: "dev.internal",
    loadBalancerArn: arn("elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/dev/1"),
    loadBalancerDnsName: "dev.elb.example",
    httpsListenerArn: arn("elasticloadbalancing:eu-west-1:123456789012:listener/app/dev/1/2"),
    routerServiceArn: arn("ecs:eu-west-1:123456789012:service/dev-cluster/router"),
    dnsZoneId: "Z1",
    dnsNameServers: ["ns1.example"],
    certificateArn: arn("acm:eu-west-1:123456789012:certificate/1"),
    dataBucketName: "dev-data",
    dataBucketArn: arn("s3:::dev-data"),
    snapshotBucketName: "dev-snapshots",
    snapshotBucketArn: arn("s3:::dev-snapshots"),
    archiveBucketName: "dev-archive",
    kmsKeyArn: arn("kms:eu-west-1:123456789012:key/1"),
    databaseClusterIdentifier: "dev-db",
    databaseEndpoint: "dev-db.example",
    databaseReaderEndpoint: "dev-db-ro.example",
    databasePort: 5432,
    databaseName: "tenants",
    databaseMasterSecretArn: arn("secretsmanager:eu-west-1:123456789012:secret:db"),
    tenantBoundaryArn: arn("iam::123456789012:policy/tenantry/boundary"),
    tenantRolePath: "/tenantry/tenants/",
    controllerRoleArn: arn("iam::123456789012:role/tenantry/controller"),
    logRetentionDays: 30,
    secretRecoveryDays: 7,
  };
}
