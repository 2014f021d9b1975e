import { ENVIRONMENTS } from "../../contract/vocabulary.ts";
import { planeName } from "../../stacks/tenant/names.ts";

/** Environment and region of a plane, read from its name; for log lines and labels, which wait for no database. */
export function placeOf(plane: string | null): { readonly environment: string; readonly region: string } {
  const environment = ENVIRONMENTS.find((name) => plane?.startsWith(planeName(name, "")));
  if (plane === null || environment === undefined) return { environment: "unknown", region: "unknown" };
  const [region = "unknown"] = /^[a-z]+(-[a-z]+)+-[0-9]+/.exec(plane.slice(environment.length + 1)) ?? [];
  return { environment, region };
}
