import { randomUUID } from "node:crypto";
import { limitOverrideExpire, limitOverridesDue } from "../../registry/limitOverride.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";

/** Writes down which overrides have come to their end. They decide nothing since then, whether this has run or not. */
export async function expireOverrides({ registry }: Pick<ServiceContext, "registry">): Promise<void> {
  const now = new Date().toISOString();
  const due = await registry.read((db) => limitOverridesDue(db, now, limits.limitOverridesAtOnce));
  for (const { overrideId, tenantId } of due) {
    const requestId = randomUUID();
    const cause = controllerFor({ requestId, correlationId: requestId });
    await registry.change(cause, (change) => limitOverrideExpire(change, overrideId), { tenantId });
  }
}
