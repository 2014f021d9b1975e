import type { Certificate, SignedCertificate } from "../contract/decommission.ts";
import type { Change, Reader } from "./registry.ts";
import { signingKeyKeep } from "./signingKey.ts";

/** Deletion certificates; only ever added to. */
export interface CertificateSignature {
  readonly keyId: string;
  /** PEM. */
  readonly publicKey: string;
  /** Base64, over `body`. */
  readonly value: string;
}

/** Keeps the certificate with its signature, and the key if it is new. Audits `certificate.issued`. */
export async function certificateCreate(
  change: Change,
  certificate: Certificate,
  body: string,
  { keyId, publicKey, value }: CertificateSignature,
): Promise<void> {
  const { certificateId, tenantId } = certificate;
  await signingKeyKeep(change, { keyId, publicKey });
  const row = { certificateId, tenantId, body, keyId, signature: value, createdAt: change.now };
  await change.db.insertInto("certificates").values(row).execute();
  await change.audit({
    action: "certificate.issued",
    target: { type: "certificate", id: certificateId },
    tenantId,
    details: { keyId, targets: certificate.targets.length, archives: certificate.archives.length },
  });
}

export async function certificateFind(db: Reader, tenantId: string): Promise<SignedCertificate | undefined> {
  const row = await db
    .selectFrom("certificates")
    .selectAll()
    .where("tenantId", "=", tenantId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    certificate: JSON.parse(row.body) as Certificate,
    signature: { algorithm: "Ed25519", keyId: row.keyId, value: row.signature },
  };
}
