import { createPublicKey } from "node:crypto";
import type { SignedCheckpoint } from "./auditCheckpoint.ts";
import type { AuditLine, KeptCheckpoint } from "./auditLines.ts";
import { keyIdOf, type PublicKey } from "./signature.ts";

/** What is kept outside to verify against, from its text: checkpoints and public keys. Throws what is wrong with it. */

/** An anchored checkpoint, or the answer of GET /audit/checkpoints/:number, which tells of the fleet's chain alone. */
export function readCheckpoint(text: string): KeptCheckpoint {
  const values = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line, at) => readLine(line, at + 1));
  const [only] = values;
  if (values.length === 1 && only !== undefined && isSigned(only)) return keptOf(only, [], []);
  const lines = values as AuditLine[];
  const signed = lines.find((one) => one.line === "checkpoint");
  if (signed === undefined || !isSigned(signed)) throw new Error("there is no line with a checkpoint in it");
  const heads = lines.flatMap((one) => (one.line === "checkpoint_head" ? [one.head] : []));
  const keys = lines.flatMap((one) => (one.line === "key" ? [one] : []));
  return keptOf(signed, heads, keys);
}

function keptOf(
  { statement, keyId, signature }: SignedCheckpoint,
  heads: readonly string[],
  keys: readonly PublicKey[],
): KeptCheckpoint {
  return { signed: { statement, keyId, signature }, heads, keys };
}

function readLine(line: string, number: number): object {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Told below.
  }
  throw new Error(`line ${number} is no JSON object`);
}

function isSigned(value: object): value is SignedCheckpoint {
  const { statement, keyId, signature } = value as Partial<SignedCheckpoint>;
  return typeof statement === "object" && typeof keyId === "string" && typeof signature === "string";
}

/** The answer of GET /signing-keys, or public keys as PEM one after the other. */
export function readKeys(text: string): PublicKey[] {
  const pems = text.match(/-----BEGIN PUBLIC KEY-----[\s\S]+?-----END PUBLIC KEY-----/g);
  if (pems !== null && !text.trimStart().startsWith("{"))
    return pems.map((publicKey) => ({ keyId: keyIdOf(createPublicKey(publicKey)), publicKey }));
  const { items } = JSON.parse(text) as { items?: unknown };
  const keys = Array.isArray(items) ? (items as Partial<PublicKey>[]) : [];
  const known = keys.flatMap(({ keyId, publicKey }) =>
    typeof keyId === "string" && typeof publicKey === "string" ? [{ keyId, publicKey }] : [],
  );
  if (known.length === 0) throw new Error("there is no public key in it");
  return known;
}
