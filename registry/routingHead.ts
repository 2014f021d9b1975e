import type { Selectable } from "kysely";
import type { RoutingHold } from "../contract/routing.ts";
import type { Change, Reader } from "./registry.ts";
import type { RoutingVersionTable } from "./schema.ts";

/** Where a plane's routing has got to: its newest version, and whether that is held. */
export type RoutingHead = Selectable<RoutingVersionTable>;

export async function headOf(db: Reader, planeName: string): Promise<RoutingHead | undefined> {
  return db.selectFrom("routingVersions").selectAll().where("planeName", "=", planeName).executeTakeFirst();
}

/** 0 before the first route of the plane. */
export async function routingVersion(db: Reader, planeName: string): Promise<number> {
  return (await headOf(db, planeName))?.version ?? 0;
}

export function holdOf(head: RoutingHead | undefined): RoutingHold | null {
  if (head === undefined || head.heldVersion === null) return null;
  const { heldVersion: version, heldAt, heldBy, holdReason } = head;
  return { version, heldAt: heldAt ?? "", heldBy: heldBy ?? "", reason: holdReason ?? "" };
}

export async function holdSet(change: Change, planeName: string, hold: RoutingHold | null): Promise<void> {
  const row = {
    heldVersion: hold?.version ?? null,
    heldAt: hold?.heldAt ?? null,
    heldBy: hold?.heldBy ?? null,
    holdReason: hold?.reason ?? null,
  };
  await change.db.updateTable("routingVersions").set(row).where("planeName", "=", planeName).execute();
}

export async function headMove(
  change: Change,
  planeName: string,
  version: number,
  isFirst: boolean,
): Promise<void> {
  const moved = { version, changedAt: change.now };
  if (!isFirst) {
    await change.db.updateTable("routingVersions").set(moved).where("planeName", "=", planeName).execute();
    return;
  }
  const unheld = { heldVersion: null, heldAt: null, heldBy: null, holdReason: null };
  await change.db
    .insertInto("routingVersions")
    .values({ planeName, ...moved, ...unheld })
    .execute();
}

/** The planes that have ever had a route, with their versions and whether they are held. */
export async function routedPlanes(
  db: Reader,
): Promise<{ planeName: string; version: number; held: boolean }[]> {
  const rows = await db
    .selectFrom("routingVersions")
    .select(["planeName", "version", "heldVersion"])
    .orderBy("planeName")
    .execute();
  return rows.map(({ planeName, version, heldVersion }) => ({
    ...{ planeName, version },
    held: heldVersion !== null,
  }));
}
