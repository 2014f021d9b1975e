import type { Target } from "../contract/target.ts";
import { IDS_PER_QUERY } from "./driftScope.ts";
import type { Reader } from "./registry.ts";

/**
 * Of the targets, those that have drifted in a way that a run of their stack can put right. An object that no state has is no
 * part of the stack: where nothing else counts, a run would find nothing to do. One query, and none when nothing has drifted.
 */
export async function driftToMend(
  db: Reader,
  targets: readonly Pick<Target, "targetId" | "drift">[],
): Promise<ReadonlySet<string>> {
  const drifted = targets.filter(({ drift }) => drift === "drifted").map(({ targetId }) => targetId);
  const toMend = new Set(drifted);
  for (let from = 0; from < drifted.length; from += IDS_PER_QUERY) {
    const rows = await db
      .selectFrom("driftFindings")
      .select("targetId")
      .where("targetId", "in", drifted.slice(from, from + IDS_PER_QUERY))
      .where("resolvedAt", "is", null)
      .where("ignoreId", "is", null)
      .where("kind", "!=", "hidden")
      .groupBy("targetId")
      .having((eb) => eb.fn.count(eb.case().when("kind", "!=", "unmanaged").then(1).end()), "=", 0)
      .execute();
    for (const { targetId } of rows) toMend.delete(targetId);
  }
  return toMend;
}
