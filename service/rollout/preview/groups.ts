import { createHash } from "node:crypto";
import type { PreviewChange } from "../../../contract/rollout.ts";
import { namesSecret } from "../../../contract/secretShape.ts";
import { canonicalJson } from "../../../registry/canonicalJson.ts";
import { neutralizerOf, type TenantFacts } from "../../../registry/driftPattern.ts";
import { REDACTED, redact } from "../../../registry/redact.ts";
import type { PreviewGroupFacts } from "../../../registry/rolloutPreview.ts";
import { limits } from "../../config/limits.ts";
import { placeInStack } from "../../engine/changes.ts";
import type { PlannedChange, PlannedValue, PreviewResult } from "../../engine/engine.ts";
import { parsePath } from "../../engine/propertyPath.ts";

/**
 * What a preview says apart from whose stack it is of: tenants for which the same resources change in the same properties from the
 * same values to the same values are one group. What is a tenant's own (its id, slug, names, ARNs, ids that AWS draws) is
 * taken out of the values first, as it is of drift, and so are the digests
 * of its specs, which are tags on everything it has. Secrets are masked by the engine and count as equal.
 *
 * Pure. The key is over the whole values; what is shown of them is cut.
 */
export function previewGroup(
  plan: PreviewResult,
  tenant: TenantFacts,
  specDigests: readonly string[],
): PreviewGroupFacts {
  const { summary, replaces, deletes } = plan;
  const neutral = neutralizerOf(tenant, specDigests);
  // The engine tells of a stack when it begins and when its outputs are known.
  const apart = new Map(plan.changes.map((change) => [`${change.op} ${change.urn}`, change])).values();
  const changes = [...apart]
    .sort(byDanger)
    .map((change) => ({ change, values: neutralValues(change, neutral) }));
  const lines = changes.map(({ change, values }) =>
    canonicalJson([placeInStack(change), change.op, change.properties, change.replaceProperties, values]),
  );
  let left: number = limits.previewValues;
  const shown = changes.slice(0, limits.previewChanges).map(({ change, values }): PreviewChange => {
    const some = values.slice(0, left).map(valueShown);
    left -= some.length;
    return {
      op: change.op,
      resourceType: change.resourceType,
      logicalName: String(neutral(change.logicalName)),
      properties: [...change.properties],
      replaceProperties: [...change.replaceProperties],
      values: some,
    };
  });
  return {
    groupKey: createHash("sha256").update(JSON.stringify(lines.sort())).digest("hex"),
    changes: shown,
    operations: Object.fromEntries(Object.entries(summary).filter(([op]) => op !== "same")),
    replaces,
    deletes,
  };
}

/** What is deleted or replaced first, as all of it may not be shown. The engine's own order differs from run to run. */
function byDanger(one: PlannedChange, other: PlannedChange): number {
  const [left, right] = [one, other].map((change) => {
    const rank = /delete|replace/.test(change.op) ? 0 : 1;
    return `${rank} ${placeInStack(change)} ${change.op}`;
  }) as [string, string];
  return left < right ? -1 : left > right ? 1 : 0;
}

type Sides = Omit<PlannedValue, "path">;

function neutralValues(
  { values = [] }: PlannedChange,
  neutral: (value: unknown) => unknown,
): readonly PlannedValue[] {
  return values
    .map(({ path, ...sides }) => ({
      path: String(neutral(path)),
      // As many sides as before: names are not changed.
      ...(neutral(isSecret(path) ? hidden(sides) : redact(sides)) as Sides),
    }))
    .sort((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0));
}

/** A value under a name such as `DB_PASSWORD` that nobody has marked as a secret. */
function isSecret(path: string): boolean {
  return parsePath(path).some((part) => typeof part === "string" && namesSecret(part));
}

function hidden(sides: Sides): Sides {
  return Object.fromEntries(Object.keys(sides).map((side) => [side, REDACTED]));
}

function valueShown({ path, old, new: now }: PlannedValue): PreviewChange["values"][number] {
  return { path: cut(path), old: textOf(old), new: textOf(now) };
}

function textOf(value: unknown): string | null {
  if (value === undefined) return null;
  return cut(typeof value === "string" ? value : JSON.stringify(value));
}

function cut(text: string): string {
  const { previewValueChars: most } = limits;
  return text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;
}
