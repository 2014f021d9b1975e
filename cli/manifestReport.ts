import type { Problem } from "../contract/errors.ts";
import type { ManifestResult, ManifestResults } from "../contract/manifest.ts";

export const EXIT = { done: 0, failed: 1, differences: 2 } as const;

export function exitCodeOf({ tenants }: ManifestResults): number {
  return tenants.some(({ result }) => result !== "none") ? EXIT.differences : EXIT.done;
}

const MARKS = { create: "+", change: "~", none: "=" } as const;
const DONE = { create: "created", change: "changed", none: "as it was" } as const;
const WOULD = { create: "would be created", change: "would change", none: "as it is" } as const;

/** A line a tenant, and one for each field that differs and each step that follows. */
export function resultsText({ dryRun, tenants }: ManifestResults): string {
  const words = dryRun ? WOULD : DONE;
  return tenants.map((tenant) => tenantText(tenant, words[tenant.result])).join("");
}

function tenantText(
  { slug, file, line, result, changes, operations }: ManifestResult,
  words: string,
): string {
  const fields = result === "create" ? [] : changes;
  return [
    `${MARKS[result]} ${slug} (${file}:${line}) ${words}`,
    ...fields.map(({ path, from, to }) => `    ${path}: ${shown(from)} -> ${shown(to)}`),
    ...operations.map(({ action, planes, reason }) =>
      [`    then ${action}`, ...(planes.length > 0 ? [`on ${planes.join(", ")}`] : []), `(${reason})`].join(
        " ",
      ),
    ),
    "",
  ].join("\n");
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}

/** As compilers say it, so that editors and pipelines find the place. */
export function problemText({ detail, hint, errors, requestId }: Problem): string {
  const placed = errors.filter(({ file }) => file !== undefined);
  if (placed.length === 0)
    return [detail, hint, requestId && `(request ${requestId})`].filter(Boolean).join(" ");
  return placed
    .map(({ file, line, column, path, message, hint: way }) => {
      const said = [path, message].filter((part) => part !== "").join(" ");
      return `${file}:${line}:${column}: ${said}${way === undefined ? "" : `. ${way}`}`;
    })
    .join("\n");
}
