import type { Selectable } from "kysely";
import type { Target } from "../contract/target.ts";
import type { Window, WindowRule } from "../contract/window.ts";
import { newId } from "./id.ts";
import type { Change, Reader } from "./registry.ts";
import type { ChangeWindowTable } from "./schema.ts";

export type WindowCreateFacts = Pick<
  Window,
  "effect" | "tenantId" | "planeName" | "cron" | "durationMs" | "timeZone" | "fromAt" | "untilAt" | "reason"
>;

/** Audits `window.created`, on the tenant's chain when it is a tenant's. */
export async function windowCreate(change: Change, input: WindowCreateFacts): Promise<Window> {
  const window: Window = {
    windowId: newId(),
    ...input,
    createdBy: change.context.actor.id,
    createdAt: change.now,
    endedAt: null,
    endedBy: null,
  };
  await change.db.insertInto("changeWindows").values(window).execute();
  await announce(change, window, "window.created", input.reason);
  return window;
}

async function announce(change: Change, window: Window, action: string, reason: string): Promise<void> {
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
