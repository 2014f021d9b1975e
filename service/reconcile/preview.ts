import type { Manifest, ManifestResult } from "../../contract/manifest.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { ServiceContext } from "../app/context.ts";

/** What the loop would ask for once the manifest is applied. */
export async function nextSteps(
  _service: ServiceContext,
  _tenant: Tenant | undefined,
  _manifest: Manifest,
): Promise<ManifestResult["operations"]> {
  return [];
}
