import type { PlanChange, PlanSpec, PlanVersion } from "../../contract/plan.ts";
import { canonicalJson } from "../../registry/canonicalJson.ts";

/** What a plan says, without what a version adds to it. */
export function specOf(version: PlanVersion): PlanSpec {
  const { displayName, description, features, quotas, rateLimits, isolation, services } = version;
  return { displayName, description, features, quotas, rateLimits, isolation, services };
}

/** Member by member, in the order of their names; empty when both say the same. Pure. */
export function planChanges(before: object | undefined, after: object | undefined, path = ""): PlanChange[] {
  const [old, now] = [(before ?? {}) as Members, (after ?? {}) as Members];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])].sort().flatMap((name) => {
    const [from, to] = [own(old, name), own(now, name)];
    if (canonicalJson(from ?? null) === canonicalJson(to ?? null)) return [];
    const at = path === "" ? name : `${path}.${name}`;
    const isInside = (isObject(from) || isObject(to)) && isObjectOrNothing(from) && isObjectOrNothing(to);
    if (isInside) return planChanges(from as object | undefined, to as object | undefined, at);
    return [{ path: at, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }];
  });
}

type Members = Readonly<Record<string, unknown>>;

/** A key such as `constructor` names nothing but what was written. */
function own(members: Members, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isObjectOrNothing(value: unknown): boolean {
  return value === undefined || isObject(value);
}
