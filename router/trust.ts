import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";

/** Whose snapshots the router takes: public keys, by the id that a snapshot names (SHA-256 of the key in DER, hex). */
export type Trust = ReadonlyMap<string, KeyObject>;

export const KEYS_MEANT =
  "must be one or more Ed25519 public keys in PEM, as GET /v1/control-plane/signing-keys lists them";

/** Throws when the text holds none, or one of another kind. */
export function readTrust(text: string): Trust {
  // A task definition cannot always carry line ends.
  const pems =
    text.replaceAll("\\n", "\n").match(/-----BEGIN PUBLIC KEY-----[^-]*-----END PUBLIC KEY-----/g) ?? [];
  const keys = pems.map((pem) => createPublicKey(pem));
  if (keys.length === 0 || keys.some((key) => key.asymmetricKeyType !== "ed25519"))
    throw new Error(KEYS_MEANT);
  return new Map(keys.map((key) => [idOf(key), key]));
}

/** Why the signature does not hold; undefined when it does. */
export function signatureProblem(
  trust: Trust,
  text: string,
  { keyId, signature }: { readonly keyId: string; readonly signature: string },
): string | undefined {
  const key = trust.get(keyId);
  if (key === undefined) return `the key must be one that is trusted here, got ${keyId}`;
  const bytes = Buffer.from(signature, "base64");
  // One signature has one spelling, so that a snapshot's text has one too.
  const good = bytes.toString("base64") === signature && verify(null, Buffer.from(text, "utf8"), key, bytes);
  return good ? undefined : `the signature must be that of key ${keyId} over the text, and it is not`;
}

function idOf(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex");
}
