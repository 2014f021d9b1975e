import { placeOf } from "../operations/place.ts";
import type { TenantFacts } from "./facts.ts";
import type { ReconcileAction } from "./wishes.ts";

/** Where an action is to happen, for labels: `several` when it is in more than one place. */
export function placeOfAction(
  { targets }: Pick<TenantFacts, "targets">,
  action: ReconcileAction,
): { readonly environment: string; readonly region: string } {
  const named = "planes" in action && action.planes.length > 0 ? action.planes : undefined;
  const places = (named ?? targets.map(({ planeName }) => planeName)).map(placeOf);
  const only = (values: readonly string[]) =>
    new Set(values).size > 1 ? "several" : (values[0] ?? "unknown");
  return {
    environment: only(places.map(({ environment }) => environment)),
    region: only(places.map(({ region }) => region)),
  };
}
