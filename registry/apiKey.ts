import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Selectable } from "kysely";
import type { ApiKey, ApiKeyCreate, ApiKeyRotate } from "../contract/apiKey.ts";
import type { Page, PageRequest } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Bookkeeping } from "./bookkeeping.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { fromJson, toJson } from "./json.ts";
import { prepared } from "./prepared.ts";
import type { Change, Reader, Registry } from "./registry.ts";
import type { ApiKeyTable } from "./schema.ts";
import { later } from "./stackLease.ts";

const KEY_ID_CHARS = 12;
const SECRET_BYTES = 32;
const KEY_SHAPE = /^tk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/;
/** `lastUsedAt` is this coarse, so that a busy key does not write at every request. */
const USE_RESOLUTION_MS = 60_000;
const NO_HASH = "0".repeat(64);
const KEYS_REMEMBERED = 10_000;

/** Gives the whole key, `tk_<keyId>_<secret>`, this once; only a hash is kept. Audits `api_key.created`. */
export async function apiKeyCreate(
  change: Change,
  input: ApiKeyCreate,
): Promise<{ apiKey: ApiKey; secret: string }> {
  const keyId = randomKeyId();
  const secretPart = randomBytes(SECRET_BYTES).toString("base64url");
  const { name, role, environments = null, expiresAt } = input;
  const row = {
    ...{ keyId, name, role, expiresAt },
    environments: environments === null ? null : toJson([...environments].sort()),
    secretHash: hashSecret(secretPart),
    createdBy: change.context.actor.id,
    createdAt: change.now,
    revokedAt: null,
  };
  await change.db.insertInto("apiKeys").values(row).execute();
  await change.audit({
    action: "api_key.created",
    target: { type: "api_key", id: keyId },
    reason: input.reason ?? null,
    details: { name, role, environments, expiresAt },
  });
  return { apiKey: await apiKeyGet(change.db, keyId), secret: wholeKey(keyId, secretPart) };
}

/**
 * Another secret for the same key; the one it had works until the overlap is over. Audits `api_key.rotated`. One that is revoked
 * or has expired stays so.
 */
export async function apiKeyRotate(
  change: Change,
  keyId: string,
  { overlapMinutes, reason }: ApiKeyRotate,
): Promise<{ apiKey: ApiKey; secret: string }> {
  const apiKey = await apiKeyGet(change.db, keyId);
  if (isEnded(apiKey, change.now)) throw ended(apiKey);
  const secretPart = randomBytes(SECRET_BYTES).toString("base64url");
  const overlap = overlapMinutes > 0;
  const previousExpiresAt = overlap ? later(change.now, overlapMinutes * 60_000) : null;
  await change.db
    .updateTable("apiKeys")
    .set(({ ref }) => ({
      previousSecretHash: overlap ? ref("secretHash") : null,
      previousExpiresAt,
      secretHash: hashSecret(secretPart),
      rotatedAt: change.now,
    }))
    .where("keyId", "=", keyId)
    .execute();
  await change.audit({
    action: "api_key.rotated",
    target: { type: "api_key", id: keyId },
    reason: reason ?? null,
    details: { name: apiKey.name, role: apiKey.role, overlapMinutes, previousExpiresAt },
  });
  return { apiKey: await apiKeyGet(change.db, keyId), secret: wholeKey(keyId, secretPart) };
}

function wholeKey(keyId: string, secretPart: string): string {
  return `tk_${keyId}_${secretPart}`;
}

function isEnded({ revokedAt, expiresAt }: Pick<ApiKey, "revokedAt" | "expiresAt">, now: string): boolean {
  return revokedAt !== null || (expiresAt !== null && expiresAt <= now);
}

function ended({ keyId, revokedAt }: ApiKey): ProblemError {
  return new ProblemError("api_key_ended", {
    detail: `Cannot rotate the key ${keyId}: it ${revokedAt === null ? "has expired" : "is revoked"}.`,
    hint: "Make another key.",
    errors: [{ path: "path.keyId", message: "opens nothing any more", value: keyId }],
  });
}

const keyWithHashes = prepared((db, keyId: string) =>
  keys(db).select(["secretHash", "previousSecretHash"]).where("apiKeys.keyId", "=", keyId),
);

/** What is known of a key, the hashes of its secrets included. */
type KnownKey = KeyRow & Pick<Selectable<ApiKeyTable>, "secretHash" | "previousSecretHash">;
export type KeyLookup = (keyId: string) => Promise<KnownKey | undefined>;

/**
 * Looks keys up, and remembers those there are until something is written (`registry.writes`): a revoked key opens nothing from the moment
 * its revocation is answered. Whether one has expired is asked each time.
 */
export function rememberedKeys(registry: Pick<Registry, "read" | "writes">): KeyLookup {
  const known = new Map<string, KnownKey>();
  let knownAt: number | undefined;
  return async (keyId) => {
    const writes = registry.writes();
    if (writes === undefined || writes !== knownAt) known.clear();
    knownAt = writes;
    const before = known.get(keyId);
    if (before !== undefined) return before;
    const [row] = await registry.read((db) => keyWithHashes(db, keyId));
    const holds = writes !== undefined && registry.writes() === writes;
    if (row !== undefined && holds && known.size < KEYS_REMEMBERED) known.set(keyId, row);
    return row;
  };
}

/**
 * The key behind what a caller presents, or undefined for one that is malformed, unknown, wrong, expired or revoked: the
 * caller is not told which. An unknown id costs the same comparison as a wrong secret.
 */
export async function apiKeyAuthenticate(
  find: KeyLookup,
  presented: string,
  now: Date = new Date(),
): Promise<ApiKey | undefined> {
  const [, keyId, secretPart] = KEY_SHAPE.exec(presented) ?? [];
  if (keyId === undefined || secretPart === undefined) return undefined;
  const row = await find(keyId);
  const sent = hashSecret(secretPart);
  // Both are compared whatever the first gives, so that the time taken tells nothing.
  const isCurrent = sameHash(sent, row?.secretHash);
  const isPrevious = sameHash(sent, row?.previousSecretHash);
  const at = now.toISOString();
  if (row === undefined || isEnded(row, at)) return undefined;
  const overlaps = row.previousExpiresAt !== null && row.previousExpiresAt > at;
  return isCurrent || (isPrevious && overlaps) ? toApiKey(row) : undefined;
}

function sameHash(sent: string, kept: string | null | undefined): boolean {
  return timingSafeEqual(Buffer.from(sent, "hex"), Buffer.from(kept ?? NO_HASH, "hex"));
}

/** Whether the key's last use is old enough to be written again. */
export function apiKeyUseIsStale(apiKey: ApiKey, now: Date = new Date()): boolean {
  return apiKey.lastUsedAt === null || now.getTime() - Date.parse(apiKey.lastUsedAt) >= USE_RESOLUTION_MS;
}

export async function apiKeyMarkUsed(record: Bookkeeping, keyId: string): Promise<void> {
  const lastUsedAt = record.now;
  await record.db
    .insertInto("apiKeyUses")
    .values({ keyId, lastUsedAt })
    .onConflict((conflict) => conflict.column("keyId").doUpdateSet({ lastUsedAt }))
    .execute();
}

/** Audits `api_key.revoked`; a second revocation changes nothing. The last admin key stays. */
export async function apiKeyRevoke(
  change: Change,
  keyId: string,
  reason: string | undefined,
): Promise<ApiKey> {
  const apiKey = await apiKeyGet(change.db, keyId);
  if (apiKey.revokedAt !== null) return apiKey;
  if (isAdminOfAll(apiKey) && (await usableAdmins(change)) <= 1) throw lastAdmin(keyId);
  const revokedAt = change.now;
  await change.db.updateTable("apiKeys").set({ revokedAt }).where("keyId", "=", keyId).execute();
  await change.audit({
    action: "api_key.revoked",
    target: { type: "api_key", id: keyId },
    reason: reason ?? null,
    details: { name: apiKey.name, role: apiKey.role },
  });
  return { ...apiKey, revokedAt };
}

export async function apiKeyGet(db: Reader, keyId: string): Promise<ApiKey> {
  const apiKey = await keys(db).where("apiKeys.keyId", "=", keyId).executeTakeFirst();
  if (apiKey !== undefined) return toApiKey(apiKey);
  throw new ProblemError("api_key_not_found", {
    detail: `Cannot find an API key with the id ${keyId}.`,
    hint: "List keys with GET /v1/control-plane/api-keys.",
    errors: [{ path: "path.keyId", message: "is no key's id", value: keyId }],
  });
}

/** Newest first, revoked ones too. */
export async function apiKeyList(db: Reader, page: PageRequest): Promise<Page<ApiKey>> {
  let rows = keys(db);
  if (page.cursor) {
    const [createdAt, keyId] = pageAfter(page.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("apiKeys.createdAt", "apiKeys.keyId"), "<", tuple(createdAt, keyId)),
    );
  }
  const found = await rows
    .orderBy("apiKeys.createdAt", "desc")
    .orderBy("apiKeys.keyId", "desc")
    .limit(page.limit + 1)
    .execute();
  return toPage(found, page.limit, toApiKey, (row) => [row.createdAt, row.keyId]);
}

/** False on the first start, when an admin key is to be made. */
export async function apiKeyExists(db: Reader): Promise<boolean> {
  return (await db.selectFrom("apiKeys").select("keyId").limit(1).executeTakeFirst()) !== undefined;
}

/** One that is only for some environments could not make a key for the others. */
function isAdminOfAll({ role, environments }: ApiKey): boolean {
  return role === "fleet_admin" && environments === null;
}

async function usableAdmins(change: Change): Promise<number> {
  const row = await change.db
    .selectFrom("apiKeys")
    .select((eb) => eb.fn.countAll().as("count"))
    .where("role", "=", "fleet_admin")
    .where("environments", "is", null)
    .where("revokedAt", "is", null)
    .where((eb) => eb.or([eb("expiresAt", "is", null), eb("expiresAt", ">", change.now)]))
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}

function lastAdmin(keyId: string): ProblemError {
  return new ProblemError("last_admin_key", {
    detail: "Cannot revoke the key: one usable admin key must stay, and it is the last.",
    hint: "Make another admin key first, then revoke this one.",
    errors: [{ path: "path.keyId", message: "is the last admin key", value: keyId }],
  });
}

function keys(db: Reader) {
  return db
    .selectFrom("apiKeys")
    .leftJoin("apiKeyUses", "apiKeyUses.keyId", "apiKeys.keyId")
    .select([
      "apiKeys.keyId",
      "apiKeys.name",
      "apiKeys.role",
      "apiKeys.environments",
      "apiKeys.createdBy",
      "apiKeys.createdAt",
      "apiKeys.expiresAt",
      "apiKeys.revokedAt",
      "apiKeys.rotatedAt",
      "apiKeys.previousExpiresAt",
      "apiKeyUses.lastUsedAt",
    ]);
}

type KeyRow = Omit<ApiKey, "environments"> & Pick<Selectable<ApiKeyTable>, "environments">;

function toApiKey(row: KeyRow): ApiKey {
  const { keyId, name, role, createdBy, createdAt, expiresAt, revokedAt, rotatedAt } = row;
  const environments = row.environments === null ? null : fromJson(row.environments);
  const { lastUsedAt, previousExpiresAt } = row;
  return {
    ...{ keyId, name, role, environments, createdBy, createdAt, expiresAt, revokedAt },
    ...{ lastUsedAt, rotatedAt, previousExpiresAt },
  };
}

/** SHA-256 is enough for 256 random bits: there is nothing to guess, so nothing to slow down. */
function hashSecret(secretPart: string): string {
  return hash("sha256", secretPart, "hex");
}

function randomKeyId(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz012345";
  return [...randomBytes(KEY_ID_CHARS)].map((byte) => alphabet[byte % alphabet.length]).join("");
}
