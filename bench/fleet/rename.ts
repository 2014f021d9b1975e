import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { layoutOf } from "../../stacks/tenant/layoutOf.ts";
import { specDigest, TenantSpec } from "../../stacks/tenant/spec.ts";

/**
 * How a tenant's records become another tenant's: all that says whose they are is replaced as text. Names follow from the
 * tenant's id by the layout; what AWS has drawn is drawn anew, in the same shape.
 */
export interface Rename {
  readonly tenantId: string;
  readonly slug: string;
  readonly spec: TenantSpec;
  readonly digest: string;
  text(original: string): string;
}

/** Ids that AWS draws, as they stand in a tenant's state. */
const DRAWN: readonly RegExp[] = [
  /\b(?:sg|sgr|eni)-[0-9a-f]{17}\b/g,
  /\bsrv-[a-z0-9]{16}\b/g,
  /\bAROA[A-Z0-9]{17}\b/g,
  /\bcredentials-[A-Za-z0-9]{6}\b/g,
  /\bscalable-target\/[0-9a-f]{36}\b/g,
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
];

/** Drawn ids in a text, without those that another text (the plane's) has too. */
export function drawnIds(text: string, shared: string): readonly string[] {
  const found = new Set(DRAWN.flatMap((shape) => text.match(shape) ?? []));
  return [...found].filter((id) => !shared.includes(id));
}

export function renaming(spec: TenantSpec, drawn: readonly string[], slug: string): Rename {
  const tenantId = randomUUID();
  const own = new Set([spec.tenant.tenantId]);
  const copy = TenantSpec.parse({ ...spec, tenant: { ...spec.tenant, tenantId, slug, displayName: slug } });
  const digest = specDigest(copy);
  const pairs = [
    ...differing(layoutOf(spec), layoutOf(copy)),
    [spec.tenant.tenantId, tenantId],
    [spec.tenant.slug, slug],
    [specDigest(spec), digest],
    ...drawn.filter((id) => !own.has(id)).map((id) => [id, redraw(id)]),
  ] as [string, string][];
  const replacements = new Map(pairs);
  // The longest first: names hold one another.
  const names = [...replacements.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "g");
  const text = (original: string) => original.replace(pattern, (name) => replacements.get(name) ?? name);
  return { tenantId, slug, spec: copy, digest, text };
}

/** Strings that stand in the same place of two values and are not the same. */
function differing(from: unknown, to: unknown): [string, string][] {
  if (typeof from === "string" && typeof to === "string") return from === to ? [] : [[from, to]];
  if (typeof from !== "object" || from === null) return [];
  return Object.entries(from).flatMap(([key, value]) =>
    differing(value, (to as Readonly<Record<string, unknown>>)[key]),
  );
}

function redraw(id: string): string {
  if (/^[0-9a-f]{8}-/.test(id)) return randomUUID();
  const at = Math.max(id.lastIndexOf("-"), id.lastIndexOf("/")) + 1 || "AROA".length;
  const [prefix, rest] = [id.slice(0, at), id.slice(at)];
  if (/^[0-9a-f]+$/.test(rest))
    return prefix + randomBytes(rest.length).toString("hex").slice(0, rest.length);
  return prefix + rest.replace(/[a-z0-9]/gi, like);
}

function like(character: string): string {
  const alphabet = /[A-Z0-9]/.test(character)
    ? "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    : "abcdefghijklmnopqrstuvwxyz";
  return alphabet[randomInt(alphabet.length)] ?? character;
}
