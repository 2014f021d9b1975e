import type { ManifestResult, ManifestResults } from "../../contract/manifest.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { harmless } from "../io.ts";

export function exitCodeOf({ tenants }: ManifestResults): ExitCode {
  return tenants.some(({ result }) => result !== "none") ? EXIT.differences : EXIT.done;
}

const MARKS = { create: "+", change: "~", none: "=" } as const;
const DONE = { create: "created", change: "changed", none: "as it was" } as const;
const WOULD = { create: "would be created", change: "would change", none: "as it is" } as const;

/** A line a tenant, and one for each field that differs and each step that follows. */
export function resultsText({ dryRun, tenants }: ManifestResults): string {
  const words = dryRun ? WOULD : DONE;
  return tenants
    .flatMap((tenant) => tenantLines(tenant, words[tenant.result]))
    .map((line) => `${harmless(line)}\n`)
    .join("");
}

function tenantLines(
  { slug, file, line, result, changes, operations }: ManifestResult,
  words: string,
): string[] {
  const fields = result === "create" ? [] : changes;
  return [
    `${MARKS[result]} ${slug} (${file}:${line}) ${words}`,
    ...fields.map(({ path, from, to }) => `    ${path}: ${shown(from)} -> ${shown(to)}`),
    ...operations.map(({ action, planes, reason }) =>
      [`    then ${action}`, ...(planes.length > 0 ? [`on ${planes.join(", ")}`] : []), `(${reason})`].join(
        " ",
      ),
    ),
  ];
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
