import { type SignedCertificate, signedCertificateSchema } from "../contract/decommission.ts";
import { issueText } from "../contract/issueText.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { type PublicKey, signatureProblem } from "./signature.ts";

/** Whether a deletion certificate is what was signed. Needs no service and no registry: the file and the public key. */
export type CertificateVerification =
  | {
      readonly verified: true;
      readonly certificate: SignedCertificate["certificate"];
      readonly keyId: string;
    }
  | { readonly verified: false; readonly reason: string };

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
  // What was sent is checked, not what the schema has kept of it.
  const body = canonicalJson((value as { certificate: unknown }).certificate);
  const reason = signatureProblem(body, { keyId, signature: signature.value }, keys);
  if (reason !== undefined) return { verified: false, reason };
  return { verified: true, certificate, keyId };
}
