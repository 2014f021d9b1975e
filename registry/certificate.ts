import type { Page, PageRequest } from "../contract/common.ts";
import type { Certificate, SignedCertificate, SigningKey } from "../contract/decommission.ts";
import { pageAfter, toPage } from "./cursor.ts";
import type { Change, Reader } from "./registry.ts";

/** Deletion certificates and the public keys they are checked with; both are only ever added to. */
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
  await signingKeyKeep(change, keyId, publicKey);
  const row = { certificateId, tenantId, body, keyId, signature: value, createdAt: change.now };
  await change.db.insertInto("certificates").values(row).execute();
  await change.audit({
    action: "certificate.issued",
    target: { type: "certificate", id: certificateId },
    tenantId,
    details: { keyId, targets: certificate.targets.length, archives: certificate.archives.length },
  });
}

async function signingKeyKeep(change: Change, keyId: string, publicKey: string): Promise<void> {
  // Tenants end side by side, and the first of them to do so writes down the key of all.
  await change.lock("signing-keys");
  const known = await change.db
    .selectFrom("signingKeys")
    .select("keyId")
    .where("keyId", "=", keyId)
    .executeTakeFirst();
  if (known !== undefined) return;
  const row = { keyId, algorithm: "Ed25519", publicKey, createdAt: change.now } as const;
  await change.db.insertInto("signingKeys").values(row).execute();
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

/** Newest first. */
export async function signingKeyList(db: Reader, page: PageRequest): Promise<Page<SigningKey>> {
  let rows = db.selectFrom("signingKeys").selectAll();
  if (page.cursor) {
    const [createdAt, keyId] = pageAfter(page.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("createdAt", "keyId"), "<", tuple(createdAt, keyId)),
    );
  }
  const found = await rows
    .orderBy("createdAt", "desc")
    .orderBy("keyId", "desc")
    .limit(page.limit + 1)
    .execute();
  const same = (key: SigningKey) => key;
  return toPage(found, page.limit, same, (row) => [row.createdAt, row.keyId]);
}
