import type { Page } from "../../contract/common.ts";
import { requireTransition } from "../../contract/lifecycle.ts";
import type { Pin, PinCreate, PinListQuery } from "../../contract/pin.ts";
import * as registry from "../../registry/pin.ts";
import type { Change } from "../../registry/registry.ts";
import { releaseGet } from "../../registry/release.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { authorize, authorizeRecord } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { targetMissing } from "./lifecycleTargets.ts";
import { refusePast } from "./refusePast.ts";

export async function pinCreate(context: RequestContext, input: PinCreate): Promise<Pin> {
  const { tenantId, planeName, releaseNumber, expiresAt, reason } = input;
  await authorize(context, "pinCreate", tenantId);
  const pinning = async (change: Change) => {
    const { status } = await tenantGet(change.db, tenantId);
    if (status === "deleted") requireTransition(status, "update");
    refusePast(expiresAt, change.now);
    if (releaseNumber !== undefined) await releaseGet(change.db, releaseNumber);
    const targetId = planeName === undefined ? null : await targetOn(change, tenantId, planeName);
    return registry.pinCreate(change, {
      ...{ tenantId, targetId, kind: "pin", reason },
      ...{ releaseNumber: releaseNumber ?? null, expiresAt: expiresAt ?? null },
    });
  };
  return changeAs(context, pinning, { tenantId });
}

async function targetOn(change: Change, tenantId: string, planeName: string): Promise<string> {
  const targets = await targetsOfTenant(change.db, tenantId);
  const target = targets.find((one) => one.planeName === planeName);
  if (target === undefined) throw targetMissing(targets, planeName);
  return target.targetId;
}

export async function pinList(context: RequestContext, query: PinListQuery): Promise<Page<Pin>> {
  await authorize(context, "pinList", query.tenantId);
  return context.registry.read((db) => registry.pinList(db, query, new Date().toISOString()));
}

export async function pinRelease(context: RequestContext, pinId: string, reason: string): Promise<Pin> {
  const { tenantId } = await authorizeRecord(context, "pinRelease", (db) =>
    registry.pinGet(db, pinId, new Date().toISOString()),
  );
  return changeAs(context, (change) => registry.pinRelease(change, pinId, reason), { tenantId });
}
