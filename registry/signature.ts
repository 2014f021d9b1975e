import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";

/**
 * The verifying half of what the service signs (service/signing/signer.ts is the other): Ed25519 over a text, which is the
 * canonical JSON of what is signed. Pure, so that whoever holds a document and the public key needs nothing else.
 */
export interface PublicKey {
  readonly keyId: string;
  /** PEM. */
  readonly publicKey: string;
}

export interface Signature {
  readonly keyId: string;
  /** Base64. */
  readonly signature: string;
}

/** SHA-256 of the public key in DER, hex. */
export function keyIdOf(publicKey: KeyObject): string {
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}

/** Why the signature does not hold, or undefined when it does. */
export function signatureProblem(
  text: string,
  { keyId, signature }: Signature,
  keys: readonly PublicKey[],
): string | undefined {
  const key = keys.find((one) => one.keyId === keyId);
  if (key === undefined) return `it was signed with key ${keyId}, which was not given`;
  const publicKey = createPublicKey(key.publicKey);
  // An id that anybody can write beside any key proves nothing.
  if (keyIdOf(publicKey) !== keyId) return `the key given as ${keyId} has another id`;
  const good = verify(null, Buffer.from(text, "utf8"), publicKey, Buffer.from(signature, "base64"));
  return good ? undefined : "its content is not what was signed";
}
