import type { RoutingSnapshot } from "../contract/routingSnapshot.ts";
import type { Change } from "./registry.ts";
import { type RoutingContent, type RoutingSigner, sealed } from "./routingContent.ts";
import { headMove, headOf } from "./routingHead.ts";
import { sameContent, snapshotFind, snapshotKeep } from "./routingSnapshot.ts";
import { signingKeyKeep } from "./signingKey.ts";

export interface Advance {
  readonly reason: string | null;
  readonly restores?: number | null;
  /** A version even when nothing differs. */
  readonly always?: boolean;
  /** The new version is past this one too: routers may have seen it, though this registry has not. */
  readonly past?: number;
}

/** The plane's next version, when the content is another than the newest's: numbered, signed, kept, audited as `routing.published`. */
export async function advance(
  change: Change,
  planeName: string,
  content: RoutingContent,
  signer: RoutingSigner,
  { reason, restores = null, always = false, past = 0 }: Advance,
): Promise<{ snapshot: RoutingSnapshot; changed: boolean }> {
  const head = await headOf(change.db, planeName);
  const newest = head && (await snapshotFind(change.db, planeName, head.version));
  if (!always && newest?.restores === restores && sameContent(newest, content))
    return { snapshot: newest, changed: false };
  const version = Math.max(head?.version ?? 0, past) + 1;
  const snapshot = sealed(
    {
      ...{ formatVersion: 2, kind: "tenantry.routing", planeName, publishedAt: change.now, version },
      ...{ restores, sharedHost: content.sharedHost },
      ...{ routes: [...content.routes], services: [...content.services] },
    },
    signer,
  );
  await signingKeyKeep(change, signer);
  await headMove(change, planeName, version, head === undefined);
  const differences = await snapshotKeep(change, snapshot, newest?.routes ?? [], reason);
  await announce(change, snapshot, differences, reason);
  return { snapshot, changed: true };
}

async function announce(
  change: Change,
  snapshot: RoutingSnapshot,
  { added, removed, changed }: Readonly<Record<"added" | "removed" | "changed", readonly unknown[]>>,
  reason: string | null,
): Promise<void> {
  const { planeName, version, checksum, keyId, restores, routes } = snapshot;
  const counts = {
    routes: routes.length,
    added: added.length,
    removed: removed.length,
    changed: changed.length,
  };
  const details = { planeName, version, checksum, keyId, restores, ...counts };
  const target = { type: "plane_routing", id: planeName };
  await change.audit({ action: "routing.published", target, reason, details });
  await change.outbox({ type: "routing.published", payload: details });
}
