import { usageFailure } from "../exit.ts";
import type { SeenFinding } from "./report.ts";

/**
 * Which findings fail a pipeline: `any`; `new`, those that no scan had seen before; `cause:` with a cause's id, or with a pattern
 * of the type and property, such as `cause:aws:sqs/*` or `cause:*.tags.*`. Ignored and hidden findings never do.
 */
export type FailOn = (finding: SeenFinding) => boolean;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function failOnOf(words: readonly string[]): FailOn {
  const rules = (words.length === 0 ? ["any"] : words.flatMap((word) => word.split(","))).map(ruleOf);
  return (finding) => counts(finding) && rules.some((rule) => rule(finding));
}

/** Whether it is drift at all. */
export function counts({ kind, ignored }: SeenFinding): boolean {
  return kind !== "hidden" && !ignored;
}

function ruleOf(word: string): FailOn {
  if (word === "any") return () => true;
  if (word === "new") return ({ isNew }) => isNew;
  const [, wanted] = /^cause:(.+)$/.exec(word) ?? [];
  if (wanted === undefined)
    throw usageFailure(
      `Cannot read --fail-on: it must be any, new, or cause:<id or pattern>, got "${word}".`,
    );
  if (UUID.test(wanted)) return ({ causeId }) => causeId === wanted.toLowerCase();
  const pattern = globOf(wanted);
  return (finding) => namesOf(finding).some((name) => pattern.test(name));
}

/** What a pattern is held against: the resource's type, and the type with each property. */
function namesOf({ resourceType, properties }: SeenFinding): string[] {
  return [resourceType, ...properties.map(({ path }) => `${resourceType}.${path}`)];
}

function globOf(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "i");
}
