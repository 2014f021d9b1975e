import {
  type Blow,
  blowAt,
  type Interferer,
  wrapSteps as wrapStepsFor,
} from "../../chaos/matrix/interference.ts";
import type { OperationKind } from "../../contract/vocabulary.ts";
import { LeaseLostError } from "../../registry/journal.ts";
import { controlPlane, createTenant, plane, run, type TestService, waitFor } from "./harness.ts";

const plans = new Map<string, Blow[]>();
/** Tenants whose steps are all run twice, one time right after the other. */
const repeated = new Set<string>();

export const interfere = {
  plan: (tenantId: string, ...planned: Blow[]) => void plans.set(tenantId, planned),
  repeat: (tenantId: string) => void repeated.add(tenantId),
  /** What was planned and never came to pass. */
  left: (tenantId: string) => (plans.get(tenantId) ?? []).filter(({ left }) => left > 0),
};

/** A crash is a lost lease: this process writes nothing more, and takes the operation up as another would. */
const interferer: Interferer = {
  strike(place) {
    const blow = blowAt(plans.get(place.tenantId), place);
    if (blow !== undefined) blow.left -= 1;
    return blow;
  },
  repeats: (tenantId) => repeated.has(tenantId),
  crash(run) {
    throw new LeaseLostError(run.operation.operationId);
  },
};

export const wrapSteps = () => wrapStepsFor(interferer);

/** How a tenant is brought to where an operation of the kind is legal, and how it is asked for. */
export interface Setup {
  prepare(service: TestService, slug: string): Promise<string>;
  readonly action: string;
  body(slug: string): object;
  /** What a failure does not take back. */
  readonly stays?: object;
}

/** The first of the two releases that there are. */
const first = { releaseNumber: 1 };
const reason = { reason: "because of a test" };

async function active(service: TestService, slug: string): Promise<string> {
  const tenantId = await createTenant(service, slug);
  await run(service, `/tenants/${tenantId}/activate`, first);
  const database = service.world.data.databases.get(tenantId);
  if (database !== undefined) database.content = "rows";
  service.world.data.objects.set(`dev-data/tenants/${tenantId}/report.pdf`, Buffer.from("a report"));
  return tenantId;
}

async function suspended(service: TestService, slug: string): Promise<string> {
  const tenantId = await active(service, slug);
  await run(service, `/tenants/${tenantId}/suspend`, reason);
  return tenantId;
}

async function archived(service: TestService, slug: string): Promise<string> {
  const tenantId = await suspended(service, slug);
  await run(service, `/tenants/${tenantId}/archive`, { ...reason, retentionDays: 30 });
  return tenantId;
}

async function drifted(service: TestService, slug: string): Promise<string> {
  const tenantId = await active(service, slug);
  const resource = { resourceType: "aws:sqs/queue:Queue", logicalName: "work", physicalId: "work" };
  const properties = [{ path: "delaySeconds", recorded: 0, actual: 9 }];
  const finding = { urn: "urn:pulumi:s::p::aws:sqs/queue:Queue::work", ...resource, properties };
  const [, stack] = [...service.world.stacks].find(([key]) => key.includes(tenantId)) ?? [];
  stack?.findings.push({ ...finding, kind: "changed" });
  const asked = await service.call("POST", `${controlPlane}/drift/scans`, {
    body: { tenantIds: [tenantId] },
  });
  await waitFor("the scan", async () => {
    const { body } = await service.call("GET", `${controlPlane}/drift/scans/${asked.body.scanId}`);
    return body.finishedAt ?? undefined;
  });
  return tenantId;
}

/** A repair that is bound to what was seen looks again first. */
async function boundToFindings(service: TestService, tenantId: string): Promise<object> {
  const scope = { tenantIds: [tenantId] };
  const { body } = await service.call("POST", `${controlPlane}/drift/repairs/preview`, { body: scope });
  return { ...scope, findingsDigest: body.findingsDigest };
}

/** One for each kind: a saga that is added without one does not compile. */
export const setups: Readonly<Record<OperationKind, Setup>> = {
  tenant_activate: { prepare: createTenant, action: "activate", body: () => first },
  tenant_deploy: { prepare: active, action: "deploy", body: () => ({ releaseNumber: 2 }) },
  tenant_suspend: { prepare: active, action: "suspend", body: () => reason },
  tenant_reactivate: { prepare: suspended, action: "reactivate", body: () => ({}) },
  tenant_archive: { prepare: suspended, action: "archive", body: () => ({ ...reason, retentionDays: 30 }) },
  tenant_restore: { prepare: archived, action: "restore", body: () => reason },
  tenant_decommission: {
    prepare: active,
    action: "decommission",
    body: (slug) => ({ ...reason, confirmSlug: slug }),
    // Its users are shut out from the first moment; only taking the decommissioning back lets them in again.
    stays: { tenant: { status: "decommissioning", requestedStatus: "deleted" } },
  },
  tenant_rotate_credentials: { prepare: active, action: "rotate-credentials", body: () => reason },
  drift_repair: { prepare: drifted, action: "repair", body: () => reason },
};

/** Asks for the operation and answers its id. */
export async function begin(
  service: TestService,
  kind: OperationKind,
  tenantId: string,
  slug: string,
): Promise<string> {
  const { action, body } = setups[kind];
  const at = kind === "drift_repair" ? "/drift/repairs" : `/tenants/${tenantId}/${action}`;
  const more = kind === "drift_repair" ? await boundToFindings(service, tenantId) : {};
  const answer = await service.call("POST", `${controlPlane}${at}`, { body: { ...body(slug), ...more } });
  const [operation] = answer.body.operations ?? [];
  if (answer.status !== 202 || operation === undefined) {
    throw new Error(`cannot begin ${kind}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
  return operation.operationId;
}

/** What counts in the end, in registry, stacks, databases, objects and routing; ids and times are left out. */
export async function stateOf(service: TestService, tenantId: string): Promise<object> {
  const { world } = service;
  const get = async (at: string) => (await service.call("GET", `${controlPlane}${at}`)).body;
  const { status, requestedStatus } = await get(`/tenants/${tenantId}`);
  const targets = (await get(`/tenants/${tenantId}/targets`)).items as Record<string, unknown>[];
  const route = await service
    .registry()
    .read((db) =>
      db.selectFrom("routes").select("state").where("tenantId", "=", tenantId).executeTakeFirst(),
    );
  const database = world.data.databases.get(tenantId);
  return {
    tenant: { status, requestedStatus },
    targets: targets
      .filter(({ deploymentState }) => deploymentState !== "absent")
      .map(({ deploymentState, requestedState, currentReleaseNumber, targetReleaseNumber }) => ({
        ...{ deploymentState, requestedState, currentReleaseNumber, targetReleaseNumber },
      })),
    stacks: [...world.stacks.entries()]
      .filter(([key]) => key.includes(tenantId))
      .map(([, { spec }]) => ({ release: spec.release.number, stopped: spec.workload === "suspended" })),
    database: database && { content: database.content, login: database.login },
    objects: [...world.data.objects.entries()]
      .filter(([key]) => key.includes(tenantId))
      .map(([key, value]) => [key.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "<id>"), value.length > 0])
      .sort(),
    route: route?.state ?? "none",
  };
}

export const planeName = plane;
