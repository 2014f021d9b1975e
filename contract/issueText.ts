import type { z } from "zod";

/**
 * What a zod issue says, in the words of all other refusals: "must be …", or "is missing". A schema's own message stays as it is;
 * zod's begin with one of the words below.
 */
export function issueText(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_key") return issue.issues[0] ? issueText(issue.issues[0]) : "is no valid name";
  const { message } = issue;
  if (/^Invalid input: .*received undefined$/.test(message)) return "is missing";
  for (const [pattern, reword] of REWORDINGS) {
    const match = pattern.exec(message);
    if (match !== null) return reword(match);
  }
  return message;
}

/** As a person names them; YAML and JSON call the same things by different names. */
const KINDS: Readonly<Record<string, string>> = {
  object: "an object",
  record: "an object",
  array: "a list",
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

const kind = (name = "") => KINDS[name] ?? name;
const BOUNDS: Readonly<Record<string, string>> = {
  "<=": "at most",
  ">=": "at least",
  "<": "less than",
  ">": "more than",
};
const bound = (sign = "") => BOUNDS[sign] ?? sign;
const listed = (values = "") => values.replaceAll('"', "").replaceAll("|", ", ");

const REWORDINGS: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
  [
    /^Invalid input: expected (\w+), received (\w+)$/,
    ([, wanted, got]) => `must be ${kind(wanted)}, got ${kind(got)}`,
  ],
  [/^Invalid input: expected (.+)$/, ([, value]) => `must be ${listed(value)}`],
  [/^Invalid option: expected one of (.+)$/, ([, values]) => `must be one of ${listed(values)}`],
  [
    /^Too (?:big|small): expected \w+ to have ([<>]=?)(\d+) (\w+)$/,
    ([, sign, count, unit]) => `must have ${bound(sign)} ${count} ${unit}`,
  ],
  [
    /^Too (?:big|small): expected \w+ to be ([<>]=?)(\S+)$/,
    ([, sign, limit]) => `must be ${bound(sign)} ${limit}`,
  ],
  [/^Invalid string: (must .+)$/, ([, rule]) => `${rule}`],
  [/^Invalid UUID$/, () => "must be a UUID"],
  [/^Invalid ISO datetime$/, () => "must be a time in UTC, such as 2026-03-01T09:30:00.000Z"],
];
