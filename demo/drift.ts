import type { Page } from "../contract/common.ts";
import type { DriftFinding, DriftScan } from "../contract/drift.ts";
import type { DriftCause } from "../contract/driftCause.ts";
import type { OperationAccepted } from "../contract/operation.ts";
import type { Tenant } from "../contract/tenant.ts";
import type { Api } from "./api.ts";
import { type CloudResource, difference, type Listings, ofTenant } from "./listings.ts";
import { check, line, step, table } from "./terminal.ts";

const LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup";
const QUEUE = "aws:sqs/queue:Queue";

export interface CausedDrift {
  /** The listing before anybody's hand was in it. */
  readonly before: readonly CloudResource[];
  /** Ids of what differs in the cloud now. */
  readonly ids: readonly string[];
}

function pick(resources: readonly CloudResource[], tenant: Tenant | undefined, type: string): CloudResource {
  const found = ofTenant(resources, tenant?.tenantId ?? "").find((resource) => resource.type === type);
  if (found === undefined)
    throw new Error(`Cannot cause drift: ${tenant?.slug} must have a ${type}, got none`);
  return found;
}

/** Changes the same property of two tenants and deletes one object of another behind Pulumi's back: three changes, two causes. */
export async function causeDrift(listings: Listings, tenants: readonly Tenant[]): Promise<CausedDrift> {
  step(
    "Three changes by somebody's hand, past Pulumi",
    "the visibility timeout of two tenants' queues, and a log group deleted",
  );
  const before = await listings.cloud("before-drift");
  const queues = [tenants[0], tenants[2]].map((tenant) => ({ tenant, queue: pick(before, tenant, QUEUE) }));
  const logGroup = pick(before, tenants[1], LOG_GROUP);
  for (const { tenant, queue } of queues) {
    await listings.byHand("PATCH", queue, { visibilityTimeoutSeconds: 7 });
    line(`${tenant?.slug}: ${queue.name ?? queue.id} now has a visibility timeout of 7 s`);
  }
  await listings.byHand("DELETE", logGroup);
  line(`${tenants[1]?.slug}: ${logGroup.id} is gone`);
  const changed = difference(before, await listings.cloud("drifted"));
  check(changed.length === 3, "the local cloud's listing differs in three objects", changed.join(", "));
  return { before, ids: [...queues.map(({ queue }) => queue.id), logGroup.id] };
}

async function scan(api: Api): Promise<DriftFinding[]> {
  const started = await api.call<DriftScan>("POST", "/drift/scans", {});
  const ended = await api.poll<DriftScan>(
    `/drift/scans/${started.scanId}`,
    ({ status }) => status === "succeeded" || status === "failed",
  );
  check(
    ended.status === "succeeded",
    `the scan went through ${ended.targetsDone} of ${ended.targetsTotal} targets`,
  );
  return (await api.call<Page<DriftFinding>>("GET", "/drift?status=open&limit=200")).items;
}

/** How many of the caused changes the scan names, and in how many causes; throws when it names anything else. */
export async function findDrift(
  api: Api,
  caused: CausedDrift,
): Promise<{ findings: number; causes: number }> {
  step("Find the drift", "a preview-only refresh of every stack: nothing changes, nothing is locked");
  const findings = await scan(api);
  table(
    ["resource", "kind", "property", "recorded", "actual"],
    findings.flatMap((finding) => {
      const name = `${finding.resourceType.split(":").at(-1)} ${finding.logicalName}`;
      if (finding.properties.length === 0) return [[name, finding.kind, "", "", ""]];
      return finding.properties.map(({ path, recorded, actual }) => [
        name,
        finding.kind,
        path,
        JSON.stringify(recorded),
        JSON.stringify(actual) ?? "",
      ]);
    }),
  );
  const named = caused.ids.filter((id) => findings.some((finding) => finding.physicalId === id));
  check(
    named.length === caused.ids.length && findings.length === caused.ids.length,
    "the scan names exactly what was changed by hand",
    findings.map((finding) => finding.physicalId).join(", "),
  );
  return { findings: named.length, causes: await showCauses(api) };
}

/** What was changed alike is one cause, whomever it hit. */
async function showCauses(api: Api): Promise<number> {
  const { items } = await api.call<Page<DriftCause>>("GET", "/drift/causes");
  table(
    ["cause", "kind", "property", "tenants", "first seen"],
    items.map(({ resourceType, kind, properties, tenants, firstSeenAt }) => [
      resourceType.split(":").at(-1) ?? resourceType,
      kind,
      properties.map(({ path, actual }) => `${path} = ${JSON.stringify(actual)}`).join(", "),
      String(tenants),
      firstSeenAt,
    ]),
  );
  const [widest] = items;
  check(
    items.length === 2 && widest?.tenants === 2,
    "the findings have two causes, one of which hit two tenants",
  );
  return items.length;
}

/** How many of the caused changes are undone in the cloud's own listing. */
export async function repairDrift(api: Api, listings: Listings, caused: CausedDrift): Promise<number> {
  step("Repair it", "an operation for each drifted tenant, then a second scan");
  const { operations } = await api.call<OperationAccepted>("POST", "/drift/repairs", {
    reason: "undo changes by hand",
  });
  await api.finish(operations);
  const still = difference(caused.before, await listings.cloud("repaired"));
  const repaired = caused.ids.filter((id) => !still.some((key) => key.endsWith(` ${id}`)));
  check(
    repaired.length === caused.ids.length,
    "all of them are in the listing again as they were",
    still.join(", "),
  );
  const open = await scan(api);
  check(open.length === 0, "the second scan finds nothing", `${open.length}`);
  return repaired.length;
}
