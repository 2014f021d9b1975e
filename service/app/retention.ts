import type { Page } from "../../contract/common.ts";
import type { DataClass, Retention, RetentionSet } from "../../contract/retention.ts";
import * as registry from "../../registry/retention.ts";
import { retentionDefaults } from "../audit/retention.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

export async function retentionList(context: RequestContext): Promise<Page<Retention>> {
  await authorize(context, "retentionList");
  const defaults = retentionDefaults(context.settings);
  const items = await context.registry.read((db) => registry.retentionList(db, defaults));
  return { items, nextCursor: null };
}

export async function retentionSet(
  context: RequestContext,
  dataClass: DataClass,
  input: RetentionSet,
  expectedVersion: number | undefined,
): Promise<Retention> {
  await authorize(context, "retentionSet", undefined, { reason: input.reason });
  const defaults = retentionDefaults(context.settings);
  return changeAs(context, async (change) => {
    const before = await registry.keepDaysOf(change.db, dataClass, defaults);
    await registry.retentionSet(change, dataClass, input, before, expectedVersion);
    const all = await registry.retentionList(change.db, defaults);
    return all.find((one) => one.dataClass === dataClass) as Retention;
  });
}
