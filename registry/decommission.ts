import type { Selectable } from "kysely";
import type { DecommissionState, TenantStatus } from "../contract/vocabulary.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";
import type { DecommissionTable } from "./schema.ts";

/**
 * A tenant's decommissioning: who asked for it and when, how long it can be undone, and what it was before. Its audit events are the
 * tenant's own (tenantLifecycle.ts), written by whoever moves it on.
 */
export interface Decommission {
  readonly decommissionId: string;
  readonly tenantId: string;
  readonly state: DecommissionState;
  readonly statusBefore: TenantStatus;
  readonly blockedTargets: readonly string[];
  readonly reason: string;
  readonly requestedBy: string;
  readonly requestId: string;
  readonly correlationId: string;
  readonly requestedAt: string;
  readonly graceUntil: string;
  readonly endedAt: string | null;
}

export interface DecommissionCreate {
  readonly tenantId: string;
  readonly statusBefore: TenantStatus;
  readonly blockedTargets: readonly string[];
  readonly reason: string;
  readonly graceMs: number;
}

export async function decommissionCreate(change: Change, input: DecommissionCreate): Promise<Decommission> {
  const { tenantId, statusBefore, blockedTargets, reason, graceMs } = input;
  const { actor, requestId, correlationId } = change.context;
  const decommission: Decommission = {
    ...{ decommissionId: newId(), tenantId, statusBefore, blockedTargets, reason, requestId, correlationId },
    state: graceMs === 0 ? "destroying" : "waiting",
    requestedBy: actor.id,
    requestedAt: change.now,
    graceUntil: new Date(Date.parse(change.now) + graceMs).toISOString(),
    endedAt: null,
  };
  await change.db
    .insertInto("decommissions")
    .values({ ...decommission, blockedTargets: toJson([...blockedTargets]) })
    .execute();
  return decommission;
}

export interface DecommissionPatch {
  readonly state?: DecommissionState;
  readonly blockedTargets?: readonly string[];
  readonly graceUntil?: string;
}

export async function decommissionUpdate(
  change: Change,
  { decommissionId }: Decommission,
  { blockedTargets, ...patch }: DecommissionPatch,
): Promise<void> {
  const ended = patch.state === "undone" || patch.state === "done";
  await change.db
    .updateTable("decommissions")
    .set({
      ...patch,
      ...(blockedTargets === undefined ? {} : { blockedTargets: toJson([...blockedTargets]) }),
      ...(ended ? { endedAt: change.now } : {}),
    })
    .where("decommissionId", "=", decommissionId)
    .execute();
}

/** The one that has not ended. */
export async function decommissionLive(db: Reader, tenantId: string): Promise<Decommission | undefined> {
  const row = await db
    .selectFrom("decommissions")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .where("endedAt", "is", null)
    .executeTakeFirst();
  return row && fromRow(row);
}

/** Those whose grace period has ended, of tenants that no legal hold keeps; the longest due first. */
export async function decommissionsDue(db: Reader, now: string, limit: number): Promise<Decommission[]> {
  const rows = await db
    .selectFrom("decommissions")
    .innerJoin("tenants", "tenants.tenantId", "decommissions.tenantId")
    .selectAll("decommissions")
    .where("state", "=", "waiting")
    .where("graceUntil", "<=", now)
    .where("tenants.legalHold", "is", null)
    .orderBy("graceUntil")
    .orderBy("decommissionId")
    .limit(limit)
    .execute();
  return rows.map(fromRow);
}

function fromRow(row: Selectable<DecommissionTable>): Decommission {
  return { ...row, blockedTargets: fromJson(row.blockedTargets) };
}
