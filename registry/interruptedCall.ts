import type { Bookkeeping } from "./bookkeeping.ts";
import { fromJson, toJson } from "./json.ts";
import { operationFence } from "./operationLease.ts";
import type { Reader } from "./registry.ts";
import type { InterruptedCallTable } from "./schema.ts";

/**
 * What a run asked of the cloud and was never told the end of. It is kept here and not beside the run, since whoever takes
 * the operation up, on whatever host, must look it up before it creates anything. Only the operation's owner writes: of one
 * that was overtaken, a call would be looked up that its successor has made anew, and the successor's object be taken for
 * the one to replace.
 */
export interface InterruptedCall {
  readonly type: InterruptedCallTable["type"];
  readonly resource: { readonly urn: string } & Readonly<Record<string, unknown>>;
}

/** One stack of a target: its generations have stacks of their own. */
export interface InterruptedStack {
  readonly targetId: string;
  readonly stackName: string;
}

/** Who runs the stack, and by which claim. */
export interface Owner {
  readonly operationId: string;
  readonly fencingToken: number;
}

export async function interruptedCalls(
  db: Reader,
  { targetId, stackName }: InterruptedStack,
): Promise<InterruptedCall[]> {
  const rows = await db
    .selectFrom("interruptedCalls")
    .select(["type", "resource"])
    .where("targetId", "=", targetId)
    .where("stackName", "=", stackName)
    .orderBy("urn")
    .execute();
  return rows.map(({ type, resource }) => ({ type, resource: fromJson(resource) }));
}

/** Each resource once: the first call stays. Throws LeaseLostError when the operation is another's by now. */
export async function interruptedCallsNote(
  record: Bookkeeping,
  stack: InterruptedStack,
  calls: readonly InterruptedCall[],
  { operationId, fencingToken }: Owner,
): Promise<void> {
  if (calls.length === 0) return;
  await operationFence(record, operationId, fencingToken);
  const rows = calls.map(({ type, resource }) => ({
    ...{ ...stack, urn: resource.urn, type, resource: toJson(resource) },
    ...{ operationId, notedAt: record.now },
  }));
  await record.db
    .insertInto("interruptedCalls")
    .values(rows)
    .onConflict((conflict) => conflict.columns(["targetId", "stackName", "urn"]).doNothing())
    .execute();
}

/** When the stack has been recovered. Throws LeaseLostError when the operation is another's by now. */
export async function interruptedCallsForget(
  record: Bookkeeping,
  { targetId, stackName }: InterruptedStack,
  { operationId, fencingToken }: Owner,
): Promise<void> {
  await operationFence(record, operationId, fencingToken);
  await record.db
    .deleteFrom("interruptedCalls")
    .where("targetId", "=", targetId)
    .where("stackName", "=", stackName)
    .execute();
}
