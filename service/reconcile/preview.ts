import type { Manifest, ManifestResult } from "../../contract/manifest.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { RequestContext, ServiceContext } from "../app/context.ts";
import { recordOf } from "../manifest/compare.ts";
import { decide } from "./decide.ts";
import { createFactsReader, PREVIEW } from "./readFacts.ts";

/** What the loop would ask for once the manifest is applied: the first step; further ones follow from its outcome. */
export async function nextSteps(
  service: ServiceContext | RequestContext,
  tenant: Tenant | undefined,
  manifest: Manifest,
): Promise<ManifestResult["operations"]> {
  const { state, planes } = manifest.spec;
  if (tenant === undefined) {
    return state === "draft" ? [] : [{ action: "activate", planes, reason: `declared ${state}` }];
  }
  const reader = createFactsReader(service.settings, new Map());
  const facts = await service.registry.read(async (db) => {
    const wanted = { ...(await recordOf(db, tenant, manifest)), updatedAt: PREVIEW };
    return reader.readAs(db, wanted, manifest, Date.now());
  });
  return decide(facts).findings.map(({ action, planeName, verdict, reason }) => ({
    action: action ?? "none",
    planes: planeName === "" ? [] : [planeName],
    reason: verdict === "person" ? `${reason} (needs a person)` : reason,
  }));
}
