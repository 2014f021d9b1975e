import type { Selectable } from "kysely";
import type { Page } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Target } from "../contract/target.ts";
import { WINDOW_LIMITS, type Window, type WindowListQuery, type WindowRule } from "../contract/window.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { ChangeWindowTable } from "./schema.ts";

export type WindowCreateFacts = Pick<
  Window,
  "effect" | "tenantId" | "planeName" | "cron" | "durationMs" | "timeZone" | "fromAt" | "untilAt" | "reason"
>;

/** Audits `window.created`, on the tenant's chain when it is a tenant's. */
export async function windowCreate(change: Change, input: WindowCreateFacts): Promise<Window> {
  await refuseMany(change.db, input);
  const window: Window = {
    windowId: newId(),
    ...input,
    reason: redactText(input.reason),
    createdBy: change.context.actor.id,
    createdAt: change.now,
    endedAt: null,
    endedBy: null,
  };
  await change.db.insertInto("changeWindows").values(window).execute();
  await announce(change, window, "window.created", input.reason);
  return window;
}

/** Audits `window.ended`. One that has ended stays as it is. */
export async function windowEnd(
  change: Change,
  windowId: string,
  reason: string | null = null,
): Promise<Window> {
  const before = await windowGet(change.db, windowId);
  if (before.endedAt !== null) return before;
  const ended = { endedAt: change.now, endedBy: change.context.actor.id };
  await change.db.updateTable("changeWindows").set(ended).where("windowId", "=", windowId).execute();
  await announce(change, before, "window.ended", reason);
  return { ...before, ...ended };
}

export async function windowGet(db: Reader, windowId: string): Promise<Window> {
  const row = await db
    .selectFrom("changeWindows")
    .selectAll()
    .where("windowId", "=", windowId)
    .executeTakeFirst();
  if (row !== undefined) return row;
  throw new ProblemError("window_not_found", {
    detail: `Cannot find window ${windowId}.`,
    hint: "List windows and freezes with GET /v1/control-plane/windows.",
    errors: [{ path: "windowId", message: "is no window's id", value: windowId }],
  });
}

/** Newest first. */
export async function windowList(db: Reader, query: WindowListQuery): Promise<Page<Window>> {
  const rows = await windowListQuery(db, query).execute();
  return toPage(
    rows,
    query.limit,
    (row) => row,
    (row) => [row.createdAt, row.windowId],
  );
}

/** The statement of `windowList`, so that a test can ask the database how it would run it. */
export function windowListQuery(db: Reader, query: WindowListQuery) {
  let rows = db.selectFrom("changeWindows").selectAll();
  if (!query.ended) rows = rows.where("endedAt", "is", null);
  if (query.tenantId) rows = rows.where("tenantId", "=", query.tenantId);
  if (query.plane) rows = rows.where("planeName", "=", query.plane);
  if (query.cursor) {
    const [createdAt, windowId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "windowId"), "<", tuple(createdAt, windowId)),
    );
  }
  return rows
    .orderBy("createdAt", "desc")
    .orderBy("windowId", "desc")
    .limit(query.limit + 1);
}

/** Those that have not ended, of the tenant and of the planes; oldest first. */
export async function windowsFor(
  db: Reader,
  tenantId: string,
  planeNames: readonly string[],
): Promise<Window[]> {
  return db
    .selectFrom("changeWindows")
    .selectAll()
    .where("endedAt", "is", null)
    .where((eb) =>
      eb.or([
        eb("tenantId", "=", tenantId),
        ...(planeNames.length === 0 ? [] : [eb("planeName", "in", [...planeNames])]),
      ]),
    )
    .orderBy("createdAt")
    .orderBy("windowId")
    .execute();
}

async function refuseMany(db: Reader, { tenantId, planeName }: WindowCreateFacts): Promise<void> {
  let rows = db.selectFrom("changeWindows").where("endedAt", "is", null);
  rows = tenantId === null ? rows.where("planeName", "=", planeName) : rows.where("tenantId", "=", tenantId);
  const { count } = await rows.select((eb) => eb.fn.countAll().as("count")).executeTakeFirstOrThrow();
  if (Number(count) < WINDOW_LIMITS.perScope) return;
  throw new ProblemError("too_many_windows", {
    detail: `Cannot make the window: there may be ${WINDOW_LIMITS.perScope} of one tenant or plane, and there are ${Number(count)}.`,
    hint: "End those that no longer apply with DELETE /v1/control-plane/windows/:windowId.",
    errors: [{ path: "body", message: "is one window too many" }],
  });
}

async function announce(
  change: Change,
  window: Window,
  action: string,
  reason: string | null,
): Promise<void> {
  const { windowId, tenantId, effect, planeName, cron, durationMs, timeZone, fromAt, untilAt } = window;
  const details = { effect, planeName, cron, durationMs, timeZone, fromAt, untilAt };
  await change.audit({ action, target: { type: "window", id: windowId }, tenantId, reason, details });
  await change.outbox({ type: action, tenantId, payload: { windowId, tenantId, ...details } });
}

const IDS_PER_QUERY = 5_000;

/**
 * The rules that hold for each target: its tenant's and its plane's. Targets with the same rules get the same array, so that
 * whoever asks `windowAt` for many can ask once an array.
 */
export async function windowsOf(
  db: Reader,
  targets: readonly Pick<Target, "targetId" | "tenantId" | "planeName">[],
): Promise<Map<string, readonly WindowRule[]>> {
  const planes = await rulesBy(db, "planeName", new Set(targets.map(({ planeName }) => planeName)));
  const tenants = await rulesBy(db, "tenantId", new Set(targets.map(({ tenantId }) => tenantId)));
  return new Map(
    targets.map(({ targetId, tenantId, planeName }) => {
      const ofPlane = planes.get(planeName) ?? NONE;
      const ofTenant = tenants.get(tenantId);
      return [targetId, ofTenant === undefined ? ofPlane : [...ofPlane, ...ofTenant]];
    }),
  );
}

const NONE: readonly WindowRule[] = [];

async function rulesBy(
  db: Reader,
  column: "planeName" | "tenantId",
  values: ReadonlySet<string>,
): Promise<Map<string, WindowRule[]>> {
  const rules = new Map<string, WindowRule[]>();
  const all = [...values];
  for (let from = 0; from < all.length; from += IDS_PER_QUERY) {
    const rows = await db
      .selectFrom("changeWindows")
      .selectAll()
      .where("endedAt", "is", null)
      .where(column, "in", all.slice(from, from + IDS_PER_QUERY))
      .orderBy("createdAt")
      .orderBy("windowId")
      .execute();
    for (const row of rows) {
      const key = row[column] ?? "";
      rules.set(key, [...(rules.get(key) ?? []), toRule(row)]);
    }
  }
  return rules;
}

function toRule(row: Selectable<ChangeWindowTable>): WindowRule {
  const { windowId, effect, tenantId, planeName, cron, durationMs, timeZone, fromAt, untilAt, reason } = row;
  return { windowId, effect, tenantId, planeName, cron, durationMs, timeZone, fromAt, untilAt, reason };
}
