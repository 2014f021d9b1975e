import type { ExpressionBuilder } from "kysely";
import type { Operation } from "../contract/operation.ts";
import { type Bookkeeping, operationLock } from "./bookkeeping.ts";
import { LeaseLostError } from "./journal.ts";
import { fromJson } from "./json.ts";
import { operationFromRow } from "./operation.ts";
import { queueServe } from "./queue.ts";
import type { Reader } from "./registry.ts";
import type { OperationTable, Schema } from "./schema.ts";
import { type Successor, stackLeasesEnd, stackLeaseTake } from "./stackLease.ts";

/**
 * Who works on an operation. A lease names a process and runs out unless renewed; each claim raises the fencing token, so that
 * what an earlier owner still tries to write is refused. The times compared are the registry's own.
 *
 * Nobody takes from an owner that may live: its CLI may be writing to the stack. Of a process on the same host death can be proved,
 * and what it held is taken at once. Of one on another host nobody can tell death from silence, so its lease must
 * have run out, the time its own watch needs to stop the CLI must have passed (`killTimeMs`), and the claimant
 * must itself have seen no renewal in all that while (leaseWatch.ts), whatever any clock says.
 */
export interface ClaimedOperation {
  readonly operation: Operation;
  /** What `operationCreate` was given. */
  readonly input: Record<string, unknown>;
  readonly deadlineMs: number;
  readonly fencingToken: number;
}

export interface ClaimNext extends Successor {
  readonly processId: string;
  readonly leaseMs: number;
  /** What this process already runs. Whatever else is its own, such as after the database was away, is taken up again. */
  readonly active: readonly string[];
  /** Operations of other hosts that have been seen without renewal for long enough. */
  readonly silent: readonly string[];
  /** Most operations that may run at once, in all processes together. */
  readonly perPlane: number;
  readonly perTenant: number;
}

/** One at a time in all processes, so that what is counted still holds when the claim is written. */
export const CLAIM_LOCK = "operations/claim";

/**
 * Claims what is due next, and its stack with it: first what a dead owner left, which keeps the place it had; then what waits in the
 * queue (queue.ts) on a stack that is free, of a plane and a tenant below their bounds.
 */
export async function operationClaimNext(
  record: Bookkeeping,
  claim: ClaimNext,
): Promise<ClaimedOperation | undefined> {
  await record.lock(CLAIM_LOCK);
  const next = (await leftBehind(record, claim)) ?? (await nextInQueue(record, claim));
  if (next === undefined) return undefined;
  const { operationId, targetId } = next;
  const owner = claim.processId;
  const claimed = await operationClaim(record, operationId, owner, claim.leaseMs, next.leaseOwner);
  if (claimed === undefined) return undefined;
  if (targetId !== null) await takeStack(record, targetId, operationId, claim, next.leaseOwner);
  await queueServe(record, next.turn);
  return claimed;
}

type Candidate = Pick<OperationTable, "operationId" | "targetId" | "turn" | "leaseOwner">;
const candidate = ["operationId", "targetId", "turn", "leaseOwner"] as const;

function leftBehind(record: Bookkeeping, claim: ClaimNext): Promise<Candidate | undefined> {
  const lapsedBefore = expiry(record.now, -claim.killTimeMs);
  let held = record.db
    .selectFrom("operations")
    .select(candidate)
    .where("finishedAt", "is", null)
    .where("leaseOwner", "is not", null)
    .where((eb) => onFreeStack(eb, claim, record.now))
    .where((eb) => {
      const gone = [eb("leaseOwner", "=", claim.processId)];
      if (claim.dead.length > 0) gone.push(eb("leaseOwner", "in", claim.dead));
      if (claim.silent.length > 0) {
        gone.push(eb.and([eb("operationId", "in", claim.silent), eb("leaseExpiresAt", "<=", lapsedBefore)]));
      }
      return eb.or(gone);
    });
  if (claim.active.length > 0) held = held.where("operationId", "not in", claim.active);
  return held.orderBy("turn").orderBy("createdAt").limit(1).executeTakeFirst();
}

async function nextInQueue(record: Bookkeeping, claim: ClaimNext): Promise<Candidate | undefined> {
  const { planes, tenants } = await fullOnes(record.db, claim);
  return await queueAfter(record.db, { planes, tenants }, claim, record.now).executeTakeFirst();
}

/** Exported for the test that holds it to its index. */
export function queueAfter(
  db: Reader,
  full: { readonly planes: readonly string[]; readonly tenants: readonly string[] },
  claim: Successor,
  now: string,
) {
  let waiting = db
    .selectFrom("operations")
    .select(candidate)
    .where("finishedAt", "is", null)
    .where("leaseOwner", "is", null)
    .where((eb) => onFreeStack(eb, claim, now));
  if (full.planes.length > 0) {
    const { planes } = full;
    waiting = waiting.where((eb) => eb.or([eb("planeName", "is", null), eb("planeName", "not in", planes)]));
  }
  if (full.tenants.length > 0) {
    const { tenants } = full;
    waiting = waiting.where((eb) => eb.or([eb("tenantId", "is", null), eb("tenantId", "not in", tenants)]));
  }
  return waiting.orderBy("turn").orderBy("createdAt").orderBy("operationId").limit(1);
}

/** Nobody else has the stack, such as a scan for drift, which does not ask whose operation was left there. */
function onFreeStack(eb: ExpressionBuilder<Schema, "operations">, claim: Successor, now: string) {
  const held = eb
    .selectFrom("stackLeases")
    .select("stackLeases.targetId")
    .whereRef("stackLeases.targetId", "=", "operations.targetId")
    .whereRef("stackLeases.holder", "<>", "operations.operationId")
    .where("stackLeases.expiresAt", ">", expiry(now, -claim.killTimeMs))
    .where("stackLeases.processId", "not in", claim.dead.length > 0 ? claim.dead : [""]);
  return eb.not(eb.exists(held));
}

/** Those whose running operations are as many as may be. */
async function fullOnes(db: Reader, { perPlane, perTenant }: ClaimNext) {
  const running = await db
    .selectFrom("operations")
    .select((eb) => ["planeName", "tenantId", eb.fn.countAll().as("count")])
    .where("finishedAt", "is", null)
    .where("leaseOwner", "is not", null)
    .groupBy(["planeName", "tenantId"])
    .execute();
  const counts = { planes: new Map<string, number>(), tenants: new Map<string, number>() };
  for (const { planeName, tenantId, count } of running) {
    add(counts.planes, planeName, Number(count));
    add(counts.tenants, tenantId, Number(count));
  }
  return { planes: reached(counts.planes, perPlane), tenants: reached(counts.tenants, perTenant) };
}

function add(counts: Map<string, number>, name: string | null, count: number): void {
  if (name !== null) counts.set(name, (counts.get(name) ?? 0) + count);
}

function reached(counts: ReadonlyMap<string, number>, most: number): string[] {
  return [...counts].filter(([, count]) => count >= most).map(([name]) => name);
}

/** Always to be had: stacks that are held are passed over, and a dead owner's stack goes with its operation. */
async function takeStack(
  record: Bookkeeping,
  targetId: string,
  operationId: string,
  claim: ClaimNext,
  formerOwner: string | null,
): Promise<void> {
  const { processId, leaseMs, killTimeMs } = claim;
  const dead = formerOwner === null ? claim.dead : [...claim.dead, formerOwner];
  const by = { holder: operationId, processId };
  const taken = await stackLeaseTake(record, targetId, by, leaseMs, { dead, killTimeMs });
  if (taken === undefined) throw new Error(`Cannot run operation ${operationId}: its stack must be free.`);
}

export interface HeldLease {
  readonly operationId: string;
  readonly leaseOwner: string;
  readonly fencingToken: number;
  readonly leaseExpiresAt: string;
}

/** Operations that somebody else holds, as far as anybody can run at once. */
export async function operationsHeldByOthers(db: Reader, processId: string): Promise<HeldLease[]> {
  const rows = await db
    .selectFrom("operations")
    .select(["operationId", "leaseOwner", "fencingToken", "leaseExpiresAt"])
    .where("finishedAt", "is", null)
    .where("leaseOwner", "is not", null)
    .where("leaseOwner", "<>", processId)
    .execute();
  return rows.map((row) => ({
    ...row,
    leaseOwner: row.leaseOwner ?? "",
    leaseExpiresAt: row.leaseExpiresAt ?? "",
  }));
}

/** Of these, the ones that somebody wants stopped. */
export async function operationsToCancel(db: Reader, operationIds: readonly string[]): Promise<string[]> {
  if (operationIds.length === 0) return [];
  const rows = await db
    .selectFrom("operationJournal")
    .select("operationId")
    .distinct()
    .where("operationId", "in", operationIds)
    .where("type", "=", "cancel_requested")
    .execute();
  return rows.map((row) => row.operationId);
}

/**
 * Undefined when somebody else holds it or it has ended. An owner may claim its own again: then the token grows. A former owner that
 * is known to be gone is passed over though its lease still runs.
 */
export async function operationClaim(
  record: Bookkeeping,
  operationId: string,
  owner: string,
  leaseMs: number,
  goneOwner: string | null = null,
): Promise<ClaimedOperation | undefined> {
  // Not between the check and the write of an earlier owner's journal entry.
  await record.lock(operationLock(operationId));
  const row = await record.db
    .updateTable("operations")
    .set((eb) => ({
      leaseOwner: owner,
      leaseExpiresAt: expiry(record.now, leaseMs),
      fencingToken: eb("fencingToken", "+", 1),
    }))
    .where("operationId", "=", operationId)
    .where("finishedAt", "is", null)
    .where((eb) =>
      eb.or([
        eb("leaseOwner", "is", null),
        eb("leaseOwner", "in", goneOwner === null ? [owner] : [owner, goneOwner]),
        eb("leaseExpiresAt", "<=", record.now),
      ]),
    )
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { fencingToken, deadlineMs } = row;
  return { operation: operationFromRow(row), input: fromJson(row.input), deadlineMs, fencingToken };
}

/** Throws LeaseLostError when the operation has been claimed anew or has ended. */
export async function operationRenew(
  record: Bookkeeping,
  operationId: string,
  fencingToken: number,
  leaseMs: number,
): Promise<void> {
  const { numUpdatedRows } = await record.db
    .updateTable("operations")
    .set({ leaseExpiresAt: expiry(record.now, leaseMs) })
    .where("operationId", "=", operationId)
    .where("fencingToken", "=", fencingToken)
    .where("leaseOwner", "is not", null)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) throw new LeaseLostError(operationId);
  await record.db
    .updateTable("stackLeases")
    .set({ expiresAt: expiry(record.now, leaseMs) })
    .where("holder", "=", operationId)
    .execute();
}

/**
 * Holds the operation to the end of the transaction, so that nobody claims it before what its owner writes beside this is there. Throws
 * LeaseLostError when it has been claimed anew, given back or has ended: then nothing of the transaction stays.
 */
export async function operationFence(
  record: Bookkeeping,
  operationId: string,
  fencingToken: number,
): Promise<void> {
  await record.lock(operationLock(operationId));
  const held = await record.db
    .selectFrom("operations")
    .select("operationId")
    .where("operationId", "=", operationId)
    .where("fencingToken", "=", fencingToken)
    .where("leaseOwner", "is not", null)
    .executeTakeFirst();
  if (held === undefined) throw new LeaseLostError(operationId);
}

/** Gives an unfinished operation back, such as at shutdown, for anybody to claim at once. */
export async function operationRelease(
  record: Bookkeeping,
  operationId: string,
  fencingToken: number,
): Promise<void> {
  const { numUpdatedRows } = await record.db
    .updateTable("operations")
    .set({ leaseOwner: null, leaseExpiresAt: null, dispatchedAt: null })
    .where("operationId", "=", operationId)
    .where("fencingToken", "=", fencingToken)
    .executeTakeFirst();
  if (numUpdatedRows === 1n) await stackLeasesEnd(record, operationId);
}

function expiry(now: string, leaseMs: number): string {
  return new Date(Date.parse(now) + leaseMs).toISOString();
}
