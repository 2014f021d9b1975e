import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import {
  type SignedCertificate,
  type SigningKey,
  signedCertificateSchema,
} from "../contract/decommission.ts";
import { issueText } from "../contract/issueText.ts";
import { canonicalJson } from "./canonicalJson.ts";

/** Whether a deletion certificate is what was signed. Needs no service and no registry: the file and the public key. */
export type CertificateVerification =
  | {
      readonly verified: true;
      readonly certificate: SignedCertificate["certificate"];
      readonly keyId: string;
    }
  | { readonly verified: false; readonly reason: string };

export type PublicKey = Pick<SigningKey, "keyId" | "publicKey">;

export function certificateVerify(value: unknown, keys: readonly PublicKey[]): CertificateVerification {
  const parsed = signedCertificateSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join(".") || "the file";
    const why = issue === undefined ? "is no object" : issueText(issue);
    return { verified: false, reason: `it is no deletion certificate: ${where} ${why}` };
  }
  const { certificate, signature } = parsed.data;
  const { keyId } = signature;
  const key = keys.find((one) => one.keyId === keyId);
  if (key === undefined)
    return { verified: false, reason: `it was signed with key ${keyId}, which was not given` };
  const publicKey = createPublicKey(key.publicKey);
  // An id that anybody can write beside any key proves nothing.
  if (keyIdOf(publicKey) !== keyId)
    return { verified: false, reason: `the key given as ${keyId} has another id` };
  // What was sent is checked, not what the schema has kept of it.
  const body = canonicalJson((value as { certificate: unknown }).certificate);
  const good = verify(null, Buffer.from(body, "utf8"), publicKey, Buffer.from(signature.value, "base64"));
  if (!good) return { verified: false, reason: "its content is not what was signed" };
  return { verified: true, certificate, keyId };
}

/** SHA-256 of the public key in DER, hex. */
export function keyIdOf(publicKey: KeyObject): string {
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}
