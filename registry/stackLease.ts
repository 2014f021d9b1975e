import type { Bookkeeping } from "./bookkeeping.ts";
import type { Reader } from "./registry.ts";

/**
 * At most one engine run per stack, across all processes and hosts. The row of a target outlives its leases, so that each has a
 * higher token than the one before. An operation takes its stack together with its own lease (operationLease.ts), under
 * its operation id; a drift scan takes it here.
 */
export interface StackLease {
  readonly token: number;
}

export interface StackHolder {
  /** An operation's id, or whatever else the next one in line should be told. */
  readonly holder: string;
  readonly processId: string;
}

/** When a lease of somebody else counts as given up. */
export interface Successor {
  /** Processes that are certainly dead. */
  readonly dead: readonly string[];
  /** How long after its end a lease is still respected: its owner may need that long to stop what it runs. */
  readonly killTimeMs: number;
  /**
   * Whether the asker has itself seen a lease unchanged for long enough; clocks alone prove nothing, since the database's may jump.
   * Left out by who has proved it otherwise.
   */
  readonly isSilent?: (lease: string) => boolean;
}

/** Undefined when somebody has the stack. */
export async function stackLeaseTake(
  record: Bookkeeping,
  targetId: string,
  by: StackHolder,
  leaseMs: number,
  { dead, killTimeMs, isSilent = () => true }: Successor,
): Promise<StackLease | undefined> {
  await record.lock(`stack/${targetId}`);
  const { db, now } = record;
  const held = await db
    .selectFrom("stackLeases")
    .selectAll()
    .where("targetId", "=", targetId)
    .executeTakeFirst();
  const isHeld = held?.processId != null && held.expiresAt !== null && held.holder !== by.holder;
  // Asked also while it has not run out: who asks again and again is to have seen it change.
  const isSilentNow = isHeld && isSilent(`${held.token} ${held.expiresAt}`);
  const hasLapsed = isSilentNow && later(held.expiresAt ?? now, killTimeMs) <= now;
  const isGivenUp = isHeld && (dead.includes(held.processId ?? "") || hasLapsed);
  if (isHeld && !isGivenUp) return undefined;
  const token = (held?.token ?? 0) + 1;
  const lease = { ...by, token, expiresAt: later(now, leaseMs), takenAt: now };
  await db
    .insertInto("stackLeases")
    .values({ targetId, ...lease })
    .onConflict((conflict) => conflict.column("targetId").doUpdateSet(lease))
    .execute();
  return { token };
}

/** False when the lease has gone to somebody else. */
export async function stackLeaseRenew(
  record: Bookkeeping,
  targetId: string,
  token: number,
  leaseMs: number,
): Promise<boolean> {
  const { numUpdatedRows } = await record.db
    .updateTable("stackLeases")
    .set({ expiresAt: later(record.now, leaseMs) })
    .where("targetId", "=", targetId)
    .where("token", "=", token)
    .where("processId", "is not", null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function stackLeaseRelease(record: Bookkeeping, targetId: string, token: number): Promise<void> {
  await record.db
    .updateTable("stackLeases")
    .set({ holder: null, processId: null, expiresAt: null })
    .where("targetId", "=", targetId)
    .where("token", "=", token)
    .execute();
}

/** What an operation held, whichever its target. */
export async function stackLeasesEnd(record: Bookkeeping, holder: string): Promise<void> {
  await record.db
    .updateTable("stackLeases")
    .set({ holder: null, processId: null, expiresAt: null })
    .where("holder", "=", holder)
    .execute();
}

export async function stackHolder(db: Reader, targetId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("stackLeases")
    .select("holder")
    .where("targetId", "=", targetId)
    .executeTakeFirst();
  return row?.holder ?? undefined;
}

export function later(now: string, ms: number): string {
  return new Date(Date.parse(now) + ms).toISOString();
}
