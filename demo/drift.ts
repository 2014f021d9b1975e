import type { Page } from "../contract/common.ts";
import type { DriftFinding, DriftScan } from "../contract/drift.ts";
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

/** Changes one property of one tenant and deletes one object of another behind Pulumi's back. */
export async function causeDrift(listings: Listings, tenants: readonly Tenant[]): Promise<CausedDrift> {
  step(
    "Two changes by somebody's hand, past Pulumi",
    "a queue's visibility timeout, and a log group deleted",
  );
  const before = await listings.cloud("before-drift");
  const queue = pick(before, tenants[0], QUEUE);
  const logGroup = pick(before, tenants[1], LOG_GROUP);
  await listings.byHand("PATCH", queue, { visibilityTimeoutSeconds: 7 });
  await listings.byHand("DELETE", logGroup);
  line(`${tenants[0]?.slug}: ${queue.name ?? queue.id} now has a visibility timeout of 7 s`);
  line(`${tenants[1]?.slug}: ${logGroup.id} is gone`);
  const changed = difference(before, await listings.cloud("drifted"));
  check(changed.length === 2, "the local cloud's listing differs in two objects", changed.join(", "));
  return { before, ids: [queue.id, logGroup.id] };
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

/** How many of the caused changes the scan names; throws when it names anything else. */
export async function findDrift(api: Api, caused: CausedDrift): Promise<number> {
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
  return named.length;
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
    "both objects are in the listing again as they were",
    still.join(", "),
  );
  const open = await scan(api);
  check(open.length === 0, "the second scan finds nothing", `${open.length}`);
  return repaired.length;
}
