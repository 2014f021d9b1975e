import { createHash, createPublicKey, verify } from "node:crypto";
import { canonicalJson } from "./canonicalJson.ts";

/** Whether a bundle is to be believed, and what it says. Pure: time and keys are given. */
export interface Entry {
  readonly enabled: boolean;
  readonly source: string;
  readonly onStale: "open" | "closed";
  readonly expiresAt?: string | undefined;
  readonly thenEnabled?: boolean | undefined;
}

export interface Bundle {
  readonly tenantId: string;
  readonly version: number;
  readonly entitlements: Readonly<Record<string, Entry>>;
  readonly changedAt: string;
  readonly issuedAt: string;
  readonly refreshAfterMs: number;
  readonly staleAfterMs: number;
  readonly keyId: string;
  readonly signature: string;
}

export type Refusal =
  | "malformed"
  | "unknown_key"
  | "forged"
  | "other_tenant"
  | "from_the_future"
  | "older"
  | "contradiction";

export interface Trust {
  readonly tenantId: string;
  /** Public keys in PEM, got from the operator or from GET /signing-keys over a connection that is trusted. */
  readonly keys: readonly string[];
  /** How far the two clocks may be apart. */
  readonly skewMs: number;
}

export type Verdict =
  | { readonly ok: true; readonly bundle: Bundle }
  | { readonly ok: false; readonly refusal: Refusal; readonly why: string };

/** `known` is what the reader goes by now: nothing older is taken, and nothing else under the same version. */
export function judgeBundle(value: unknown, trust: Trust, nowMs: number, known?: Bundle): Verdict {
  const bundle = asBundle(value);
  if (bundle === undefined) return refused("malformed", "it is no entitlement bundle of format version 1");
  const { keyId, signature, ...said } = bundle;
  const key = trust.keys.find((pem) => keyIdOf(pem) === keyId);
  if (key === undefined) return refused("unknown_key", `it is signed with ${keyId}, which is not trusted`);
  const text = Buffer.from(canonicalJson(said), "utf8");
  if (!verify(null, text, createPublicKey(key), Buffer.from(signature, "base64")))
    return refused("forged", "its signature is not of what it says");
  if (bundle.tenantId !== trust.tenantId)
    return refused("other_tenant", `it is of tenant ${bundle.tenantId}`);
  if (Date.parse(bundle.issuedAt) > nowMs + trust.skewMs)
    return refused("from_the_future", `it was issued at ${bundle.issuedAt}: look at the clocks`);
  if (known === undefined) return { ok: true, bundle };
  if (bundle.version < known.version)
    return refused("older", `it is version ${bundle.version}, and ${known.version} is known`);
  if (bundle.version === known.version && !saysTheSame(bundle, known))
    return refused("contradiction", `version ${known.version} said something else before`);
  return { ok: true, bundle };
}

/** What the bundle says at a time; undefined past its staleness bound, when each capability's onStale decides. */
export function isStale({ issuedAt, staleAfterMs }: Bundle, nowMs: number): boolean {
  return nowMs > Date.parse(issuedAt) + staleAfterMs;
}

/** A capability that the bundle does not name is refused, fresh or stale. */
export function allows(bundle: Bundle | undefined, capabilityKey: string, nowMs: number): boolean {
  if (bundle === undefined || !Object.hasOwn(bundle.entitlements, capabilityKey)) return false;
  const entry = bundle.entitlements[capabilityKey];
  if (entry === undefined) return false;
  if (isStale(bundle, nowMs)) return entry.onStale === "open";
  const isOver = entry.expiresAt !== undefined && Date.parse(entry.expiresAt) <= nowMs;
  return isOver ? entry.thenEnabled === true : entry.enabled;
}

/** SHA-256 of the public key in DER, hex. */
export function keyIdOf(pem: string): string {
  const der = createPublicKey(pem).export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex");
}

function saysTheSame(one: Bundle, other: Bundle): boolean {
  const content = ({ entitlements, changedAt }: Bundle) => canonicalJson({ entitlements, changedAt });
  return content(one) === content(other);
}

function refused(refusal: Refusal, why: string): Verdict {
  return { ok: false, refusal, why };
}

function asBundle(value: unknown): Bundle | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const bundle = value as Bundle & { kind?: unknown; formatVersion?: unknown };
  const { kind, formatVersion, entitlements } = bundle;
  if (kind !== "entitlement_bundle" || formatVersion !== 1) return undefined;
  if (typeof entitlements !== "object" || entitlements === null) return undefined;
  const texts = [bundle.tenantId, bundle.keyId, bundle.signature];
  const times = [bundle.issuedAt, bundle.changedAt];
  const numbers = [bundle.version, bundle.refreshAfterMs, bundle.staleAfterMs];
  const isWhole =
    texts.every((text) => typeof text === "string") &&
    times.every((time) => typeof time === "string" && !Number.isNaN(Date.parse(time))) &&
    numbers.every((number) => Number.isSafeInteger(number) && number >= 0) &&
    Object.values(entitlements).every(isEntry);
  return isWhole ? bundle : undefined;
}

function isEntry(entry: unknown): boolean {
  if (typeof entry !== "object" || entry === null) return false;
  const { enabled, onStale, expiresAt } = entry as Partial<Entry>;
  const isTime = expiresAt === undefined || !Number.isNaN(Date.parse(expiresAt));
  return typeof enabled === "boolean" && (onStale === "open" || onStale === "closed") && isTime;
}
