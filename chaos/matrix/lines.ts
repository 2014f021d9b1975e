/**
 * What there is of a tenant, as lines of text: two ends are the same when they have the same lines. A line says where it is from,
 * what of, and its content.
 */
export type Lines = readonly string[];

/** What is drawn anew each time something is made or written, in the same tenant too. */
const VOLATILE: readonly (readonly [RegExp, string])[] = [
  [/(task-definition\/[\w-]+):\d+/g, "$1:#"],
  [/"revision":\d+/g, '"revision":#'],
  [/"ciphertext":"[^"]*"/g, '"ciphertext":"#"'],
  // Of the spec, which also says how it is to be reached; what it leads to is compared itself.
  [/"tenantry:spec-digest":"[^"]*"/g, '"tenantry:spec-digest":"#"'],
];

export function steady(line: string): string {
  return VOLATILE.reduce((text, [pattern, by]) => text.replaceAll(pattern, by), line);
}

/** What distinguishes one tenant that has come to a state from another that has. */
export interface Particulars {
  readonly tenantId: string;
  readonly slug: string;
  /** The release that it is to be on, and the version of its images. */
  readonly releaseNumber: number;
  readonly version: string;
}

export function neutral(lines: Lines, own: Particulars): Lines {
  const short = own.tenantId.slice(0, 8);
  const words: readonly (readonly [string | RegExp, string])[] = [
    [own.tenantId, "<tenant>"],
    [new RegExp(`${short}-[a-z0-9]{12}`, "g"), "<name>"],
    // The same names where they are short of room.
    [/\b[a-z0-9]{12}-g\d+\b/g, "<name>-g#"],
    [new RegExp(`\\b${short}\\b`, "g"), "<short>"],
    [new RegExp(`\\b${own.slug}\\b`, "g"), "<slug>"],
    [new RegExp(`:${own.version.replaceAll(".", "\\.")}@sha256:[0-9a-f]{64}`, "g"), ":<version>"],
    [new RegExp(`release ${own.releaseNumber}\\b`, "g"), "release <wanted>"],
    [`"tenantry:release":"${own.releaseNumber}"`, '"tenantry:release":"<wanted>"'],
    [/"createDate":"[^"]*"/g, '"createDate":"#"'],
    [/"uniqueId":"[^"]*"/g, '"uniqueId":"#"'],
    [/\bg\d+\b/g, "g#"],
    [/\b(dev-eu-west-1)-\d+\b/g, "$1-#"],
    [/\b(sg|srv|ns|vpc|subnet|eni)-[0-9a-z]{8,}\b/g, "$1-#"],
    [/(scalable-target)\/[0-9a-f]{20,}/g, "$1/#"],
    [/(credentials)-[A-Za-z0-9]{6}\b/g, "$1-#"],
    // How many archives there are depends on the tenant's past.
    [/archived \d+ objects/g, "archived # objects"],
    [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<id>"],
  ];
  return lines
    .map((line) => words.reduce((text, [from, to]) => text.replaceAll(from, to), line))
    .toSorted((a, b) => (a < b ? -1 : 1));
}

const SHOWN = 4;
const LONGEST = 700;

/** Undefined when they are the same; else what is missing and what is too much, in part. */
export function difference(expected: Lines, got: Lines): string | undefined {
  const missing = without(expected, got);
  const more = without(got, expected);
  if (missing.length + more.length === 0) return undefined;
  const show = (sign: string, lines: Lines, others: Lines) =>
    lines.slice(0, SHOWN).map((line) => `${sign} ${cut(line, others)}`);
  const count = `${missing.length} missing, ${more.length} too many`;
  return [count, ...show("-", missing, more), ...show("+", more, missing)].join("\n    ");
}

function without(lines: Lines, others: Lines): Lines {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

/** From shortly before the place in which it parts from the line most like it. */
function cut(line: string, others: Lines): string {
  const same = Math.max(0, ...others.map((other) => sharedLength(line, other)));
  const from = Math.max(0, same - 120);
  const head = from === 0 ? "" : `${line.slice(0, 60)} … `;
  return `${head}${line.slice(from, from + LONGEST)}`;
}

function sharedLength(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
}
