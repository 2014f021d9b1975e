/** What two values have in common when both are right: the form of what is drawn at random, the rest to the letter. */

type Replacement = readonly [pattern: RegExp, by: string | ((match: string) => string)];

/** In order: a later pattern sees what earlier ones left. */
const REPLACEMENTS: readonly Replacement[] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, "<time>"],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<uuid>"],
  [/(:secret:[^:|]+)-[A-Za-z0-9]{6}(?![A-Za-z0-9])/g, "$1-<6 of a-zA-Z0-9>"],
  [/ns-\d+\.awsdns-\d+\.(com|net|org|co\.uk)/g, "ns-<number>.awsdns-<number>.<domain>"],
  [/(?<=_[0-9a-f]{32}\.)[a-z]{10}(?=\.acm-validations)/g, "<10 of a-z>"],
  [/(?<=^|[-/.])[a-z0-9]{10,}(?=\.[a-z]{2}-[a-z]+-\d\.rds\.)/g, lowerRun],
  [/(?<=(^|\/)(ns|srv)-)[a-z0-9]{8,}$/g, lowerRun],
  [/(?<=-)[a-z0-9]{30,}(?=-s3alias$)/g, lowerRun],
  [/(?<=:scalable-target\/)[a-z0-9]{34,}$/g, lowerRun],
  [/(?<![0-9A-Za-z])\d{12}(?![0-9A-Za-z])/g, "<account>"],
  [/(?<![0-9.])\d{1,3}(\.\d{1,3}){3}(?![0-9./])/g, "<address>"],
  [/(?<![0-9A-Za-z])\d{1,3}(-\d{1,3}){3}(?![0-9])/g, "<dashed address>"],
  [/(?<![A-Za-z0-9])(?=[0-9a-f]*\d)[0-9a-f]{8,}(?![A-Za-z0-9])/g, (run) => `<${run.length} hex>`],
  [/^(AROA|ANPA|Z)[A-Z0-9]{12,}$/g, prefixedRun],
  [/(?<![A-Za-z0-9])[A-Z0-9]{13,}(?![A-Za-z0-9])/g, (run) => `<${run.length} of A-Z0-9>`],
];

function lowerRun(run: string): string {
  return `<${run.length} of a-z0-9>`;
}

function prefixedRun(run: string): string {
  const prefix = /^(AROA|ANPA|Z)/.exec(run)?.[0] ?? "";
  return `${prefix}<${run.length - prefix.length} of A-Z0-9>`;
}

/** A text that tells the shape: equal for equal shapes. Nothing, an empty text and an empty list are the same to us. */
export function shapeOf(value: unknown): string {
  if (value === undefined || value === null || value === "") return "<none>";
  if (Array.isArray(value)) return value.length === 0 ? "<none>" : `[${value.map(shapeOf).join(", ")}]`;
  if (typeof value === "object") return objectShape(value);
  if (typeof value !== "string") return String(value);
  const parsed = parseDocument(value);
  if (parsed !== undefined) return shapeOf(parsed);
  return REPLACEMENTS.reduce(
    (text, [pattern, by]) => (typeof by === "string" ? text.replace(pattern, by) : text.replace(pattern, by)),
    value,
  );
}

function objectShape(value: object): string {
  const members = Object.entries(value)
    .map(([key, item]) => `${key}: ${shapeOf(item)}`)
    .filter((member) => !member.endsWith(": <none>"))
    .sort();
  return members.length === 0 ? "<none>" : `{${members.join(", ")}}`;
}

/** Policies and the like compare by meaning. */
function parseDocument(text: string): object | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}
