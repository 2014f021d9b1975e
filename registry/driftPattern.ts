import { createHash } from "node:crypto";
import type { DriftFindingKind } from "../contract/vocabulary.ts";
import { canonicalJson } from "./canonicalJson.ts";

/**
 * What a finding looks like once everything that is its tenant's own has been taken out of it. Two findings with the same pattern have
 * the same root cause: somebody, or something, has made the same change twice.
 *
 * Of a change, type, property paths and actual values count, and what the resource is called does not: a script that sets a tag
 * to one value on every queue is one cause. What has no value to go by (a deletion, an object that nothing records, a stack
 * that is not the registry's) is told apart by its name. The recorded value does not count: plans differ in it.
 *
 * Pure. It errs on the side of two causes: only what is known to differ between tenants is replaced.
 */
export interface TenantFacts {
  readonly tenantId: string;
  readonly slug: string;
  readonly accountId: string;
  readonly region: string;
  readonly planeName: string;
}

export interface Patternable {
  readonly resourceType: string;
  readonly logicalName: string;
  readonly kind: DriftFindingKind;
  readonly properties: readonly { readonly path: string; readonly actual: unknown }[];
}

export interface DriftPattern {
  readonly resourceType: string;
  readonly kind: DriftFindingKind;
  /** Without what is the tenant's own. */
  readonly logicalName: string;
  /** In order, none twice; an `actual` that is not there is null. */
  readonly properties: readonly { readonly path: string; readonly actual: unknown }[];
}

export function driftPattern(finding: Patternable, tenant: TenantFacts): DriftPattern {
  const words = wordsOf(tenant);
  const seen = new Map(
    finding.properties.map(({ path, actual }) => {
      const property = { path: plainPath(path, words), actual: plain(actual ?? null, words) };
      return [canonicalJson([property.path, property.actual]), property] as const;
    }),
  );
  return {
    resourceType: finding.resourceType,
    kind: finding.kind,
    logicalName: plainText(finding.logicalName, words),
    properties: [...seen].sort(byKey).map(([, property]) => property),
  };
}

/** Takes what is the tenant's own out of any value, the digests of its specs too; lists keep their order. */
export function neutralizerOf(
  tenant: TenantFacts,
  specDigests: readonly string[],
): (value: unknown) => unknown {
  const digests: Words = specDigests.map((digest) => [whole(digest), "{digest}"]);
  const words = [...digests, ...wordsOf(tenant)];
  return (value) => plain(value, words, false);
}

/** The cause's id follows from its pattern, so that who finds it first need not be known: a UUID of version 8. */
export function causeIdOf(pattern: DriftPattern): string {
  const { logicalName, ...change } = pattern;
  const key = change.properties.length > 0 ? change : pattern;
  const hex = createHash("sha256").update(canonicalJson(key)).digest("hex");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

type Words = readonly (readonly [RegExp, string])[];

/** How components/tenantServiceSet/layout.ts makes physical names: environment, tenant, hash, generation. */
const NAMES: Words = [
  [/(?<![a-z0-9])tn-(?:dev|stage|prod)-(?=\{tenant\})/g, "tn-{environment}-"],
  [/(?<=\{tenant\})-[a-z2-7]{12}(?![a-z0-9])/g, "-{hash}"],
  [/(?<![a-z0-9])tn-[a-z2-7]{12}(?![a-z0-9-])/g, "tn-{hash}"],
  [/(?<=\{hash\}-g|\{tenant\}\/g|\{tenant\}\/[a-z-]{1,40}\/g)\d+/g, "{n}"],
];

const UUID = /(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])/gi;
const TIME = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})/g;
/** Ids that AWS draws, such as `sg-0a1b2c3d4e5f60718`. */
const DRAWN = /(?<![a-z0-9])([a-z]{1,12})-(?=[0-9a-f]*\d)[0-9a-f]{8}(?:[0-9a-f]{9})?(?![0-9a-z-])/g;
const ACCOUNT_IN_ARN = /(?<=arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:)\d{12}(?=:)/g;
const REGION_IN_ARN = /(?<=arn:aws[a-z-]*:[a-z0-9-]*:)[a-z]{2}(?:-[a-z]+)+-\d(?=:)/g;
/** The number a task definition got, and the six characters behind a secret's name. */
const REVISION = /(?<=:task-definition\/[^:"\s]{1,255}):\d+/g;
const SECRET_SUFFIX = /(?<=:secret:[^"\s]{1,512})-[A-Za-z0-9]{6}(?![A-Za-z0-9/_-])/g;

function wordsOf({ tenantId, slug, accountId, region, planeName }: TenantFacts): Words {
  const bare = tenantId.replaceAll("-", "");
  const own: Words = [
    [whole(tenantId), "{tenant}"],
    [whole(bare), "{tenant}"],
    [whole(bare.slice(0, 12)), "{tenant}"],
    [whole(bare.slice(0, 8)), "{tenant}"],
    [whole(planeName), "{plane}"],
    [whole(accountId), "{account}"],
    [whole(region), "{region}"],
    [whole(slug), "{slug}"],
    ...NAMES,
  ];
  return [
    [SECRET_SUFFIX, "-{id}"],
    ...own,
    [UUID, "{uuid}"],
    [TIME, "{time}"],
    [ACCOUNT_IN_ARN, "{account}"],
    [REGION_IN_ARN, "{region}"],
    [REVISION, ":{n}"],
    [DRAWN, "$1-{id}"],
  ];
}

/** Not as a part of a longer word: a tenant called `api` does not own every `apigateway`. */
function whole(text: string): RegExp {
  const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return text === "" ? /(?!)/g : new RegExp(`(?<![A-Za-z0-9])${escaped}(?![A-Za-z0-9])`, "gi");
}

function plainText(text: string, words: Words): string {
  return words.reduce((left, [pattern, token]) => left.replace(pattern, token), text);
}

/** Places in a list say nothing: clouds give sets in any order. */
function plainPath(path: string, words: Words): string {
  return plainText(path, words).replace(/\[\d+\]/g, "[*]");
}

function plain(value: unknown, words: Words, sorts = true): unknown {
  if (typeof value === "string") return plainString(value, words, sorts);
  if (Array.isArray(value)) {
    const items = value.map((item) => plain(item, words, sorts));
    return sorts ? inOrder(items) : items;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [plainText(name, words), plain(member, words, sorts)]),
  );
}

function inOrder(items: readonly unknown[]): readonly unknown[] {
  return items
    .map((item) => [canonicalJson(item), item] as const)
    .sort(byKey)
    .map(([, item]) => item);
}

/** A policy is JSON in a string: how it is spaced and ordered says nothing either. */
function plainString(text: string, words: Words, sorts: boolean): unknown {
  if (/^\s*[{[]/.test(text)) {
    try {
      return plain(JSON.parse(text), words, sorts);
    } catch {
      // Text that only looks like JSON is text.
    }
  }
  return plainText(text, words);
}

function byKey([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
