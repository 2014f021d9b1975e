import type { Page } from "../contract/common.ts";
import type { ReconcileQuery, ReconcileState } from "../contract/reconcile.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { fromJson, toJson } from "./json.ts";
import type { Reader } from "./registry.ts";
import type { ReconcilePass } from "./schema.ts";

/**
 * The reconcile loop's own books: the lease of the one that leads, and what it found not to be as declared. Nothing here
 * is the truth about a tenant; it can all be lost and is found again by the next pass.
 */
export interface Leadership {
  readonly holder: string;
  /** Grows with each change of holder: who holds an older one leads no more. */
  readonly token: number;
}

const NAME = "reconcile";

/**
 * Takes or renews the lease, by the registry's clock; undefined while somebody else holds it. Who is alone on the registry need
 * not wait for the lease of a process that is gone.
 */
export async function leaderTake(
  record: Bookkeeping,
  holder: string,
  leaseMs: number,
  options: { readonly alone?: boolean } = {},
): Promise<Leadership | undefined> {
  await record.lock(`leader/${NAME}`);
  const held = await leaderRow(record.db);
  const expiresAt = new Date(Date.parse(record.now) + leaseMs).toISOString();
  if (held === undefined) {
    const row = { name: NAME, holder, token: 1, expiresAt, lastPass: null };
    await record.db.insertInto("reconcileLeaders").values(row).execute();
    return { holder, token: 1 };
  }
  if (options.alone !== true && held.holder !== holder && held.expiresAt > record.now) return undefined;
  // One's own lease that ran out may have been another's in between; only an unbroken one keeps its token.
  const token = held.holder === holder && held.expiresAt > record.now ? held.token : held.token + 1;
  await record.db
    .updateTable("reconcileLeaders")
    .set({ holder, token, expiresAt })
    .where("name", "=", NAME)
    .execute();
  return { holder, token };
}

/** Lets another take over at once. */
export async function leaderRelease(record: Bookkeeping, { holder, token }: Leadership): Promise<void> {
  await record.db
    .updateTable("reconcileLeaders")
    .set({ expiresAt: record.now })
    .where("name", "=", NAME)
    .where("holder", "=", holder)
    .where("token", "=", token)
    .execute();
}

export async function leads(db: Reader, { holder, token }: Leadership): Promise<boolean> {
  const held = await leaderRow(db);
  return held?.holder === holder && held.token === token;
}

export async function leaderGet(
  db: Reader,
): Promise<{ holder: string; expiresAt: string; lastPass: ReconcilePass | null } | undefined> {
  const row = await leaderRow(db);
  if (row === undefined) return undefined;
  const { holder, expiresAt, lastPass } = row;
  return { holder, expiresAt, lastPass: lastPass === null ? null : fromJson(lastPass) };
}

export async function passNote(record: Bookkeeping, pass: Omit<ReconcilePass, "finishedAt">): Promise<void> {
  const lastPass = toJson({ ...pass, finishedAt: record.now });
  await record.db.updateTable("reconcileLeaders").set({ lastPass }).where("name", "=", NAME).execute();
}

async function leaderRow(db: Reader) {
  return db.selectFrom("reconcileLeaders").selectAll().where("name", "=", NAME).executeTakeFirst();
}

/** Without what the registry itself knows: slug and times. */
export type ReconcileFinding = Omit<ReconcileState, "slug" | "since" | "updatedAt">;

/** What is not as declared of one tenant, instead of what was noted before; `since` stays while it does. */
export async function reconcileNote(
  record: Bookkeeping,
  tenantId: string,
  findings: readonly ReconcileFinding[],
): Promise<void> {
  const known = await record.db
    .selectFrom("reconcileStates")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .execute();
  const gone = known.filter((row) => !findings.some(({ planeName }) => planeName === row.planeName));
  for (const { planeName } of gone) {
    await record.db
      .deleteFrom("reconcileStates")
      .where("tenantId", "=", tenantId)
      .where("planeName", "=", planeName)
      .execute();
  }
  for (const finding of findings) {
    const before = known.find(({ planeName }) => planeName === finding.planeName);
    const row = { ...finding, since: before?.since ?? record.now, updatedAt: record.now };
    if (before !== undefined && isSame({ ...before, updatedAt: record.now }, row)) continue;
    await record.db
      .insertInto("reconcileStates")
      .values(row)
      .onConflict((conflict) => conflict.columns(["tenantId", "planeName"]).doUpdateSet(row))
      .execute();
  }
}

function isSame(left: Record<string, unknown>, right: Record<string, unknown>): boolean {
  return Object.keys(right).every((name) => left[name] === right[name]);
}

/** All tenants of which something is noted. */
export async function reconcileNoted(db: Reader): Promise<Set<string>> {
  const rows = await db.selectFrom("reconcileStates").select("tenantId").distinct().execute();
  return new Set(rows.map((row) => row.tenantId));
}

/** Since when the longest is being brought to what is declared; what needs a person is not. */
export async function reconcileOldest(db: Reader): Promise<string | undefined> {
  const row = await db
    .selectFrom("reconcileStates")
    .select((eb) => eb.fn.min("since").as("since"))
    .where("verdict", "in", ["waiting", "requested"])
    .executeTakeFirst();
  return row?.since ?? undefined;
}

/** Oldest first. */
export async function reconcileList(db: Reader, query: ReconcileQuery): Promise<Page<ReconcileState>> {
  let rows = db
    .selectFrom("reconcileStates")
    .innerJoin("tenants", "tenants.tenantId", "reconcileStates.tenantId")
    .selectAll("reconcileStates")
    .select("tenants.slug");
  if (query.tenantId) rows = rows.where("reconcileStates.tenantId", "=", query.tenantId);
  if (query.verdict) rows = rows.where("verdict", "=", query.verdict);
  if (query.cursor) {
    const [since, key] = pageAfter(query.cursor);
    const [tenantId = "", planeName = ""] = key.split("/");
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("since", "reconcileStates.tenantId", "planeName"), ">", tuple(since, tenantId, planeName)),
    );
  }
  const found = await rows
    .orderBy("since")
    .orderBy("reconcileStates.tenantId")
    .orderBy("planeName")
    .limit(query.limit + 1)
    .execute();
  return toPage(
    found,
    query.limit,
    (row): ReconcileState => row,
    (row) => [row.since, `${row.tenantId}/${row.planeName}`],
  );
}

/** Drift repairs that an actor has asked for on a plane since then. */
export async function repairsSince(
  db: Reader,
  actorId: string,
  planeName: string,
  since: string,
): Promise<number> {
  const row = await db
    .selectFrom("operations")
    .select((eb) => eb.fn.countAll().as("count"))
    .where("kind", "=", "drift_repair")
    .where("requestedBy", "=", actorId)
    .where("planeName", "=", planeName)
    .where("createdAt", ">=", since)
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}
