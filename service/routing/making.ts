import { planeFind } from "../../registry/plane.ts";
import type { RoutingMaking } from "../../registry/routing.ts";
import { SERVICE_NAMES, SERVICE_SHAPES } from "../../stacks/tenant/spec.ts";
import type { ReadingService } from "../app/context.ts";
import { signerOf } from "../signing/signer.ts";

/** The services that a path can name. */
const ROUTED_SERVICES: readonly string[] = SERVICE_NAMES.filter((name) => SERVICE_SHAPES[name].http);

/** What a plane's snapshots take besides its routes; read before the change, which is to wait for no file. */
export async function routingMaking(
  { registry, settings }: Pick<ReadingService, "registry" | "settings">,
  planeName: string,
): Promise<RoutingMaking> {
  const plane = await registry.read((db) => planeFind(db, planeName));
  const domain = plane?.outputs.domain;
  const label = settings.sharedHostLabel;
  const sharedHost =
    typeof domain === "string" && label !== undefined ? `${label}.${domain.toLowerCase()}` : null;
  return { services: ROUTED_SERVICES, sharedHost, signer: signerOf(settings) };
}
