import type { Page } from "../../contract/common.ts";
import type { Meter, MeterCreate, MeterListQuery } from "../../contract/meter.ts";
import * as registry from "../../registry/meter.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

export async function meterCreate(context: RequestContext, input: MeterCreate): Promise<Meter> {
  await authorize(context, "meterCreate");
  return changeAs(context, (change) => registry.meterCreate(change, input));
}

export async function meterList(context: RequestContext, query: MeterListQuery): Promise<Page<Meter>> {
  await authorize(context, "meterList");
  return context.registry.read((db) => registry.meterList(db, query));
}

export async function meterArchive(
  context: RequestContext,
  meterKey: string,
  reason: string | undefined,
): Promise<Meter> {
  await authorize(context, "meterArchive");
  return changeAs(context, (change) => registry.meterArchive(change, meterKey, reason));
}
