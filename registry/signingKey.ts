import type { Page, PageRequest } from "../contract/common.ts";
import type { SigningKey } from "../contract/decommission.ts";
import { pageAfter, toPage } from "./cursor.ts";
import type { Change, Reader } from "./registry.ts";
import type { PublicKey } from "./signature.ts";

/** The public keys of everything that was signed; only ever added to. Every change that keeps a signature keeps its key. */
export async function signingKeyKeep(change: Change, { keyId, publicKey }: PublicKey): Promise<void> {
  // Changes of different tenants run side by side, and the first of them to sign writes down the key of all.
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

export async function signingKeyFind(db: Reader, keyId: string): Promise<SigningKey | undefined> {
  return await db.selectFrom("signingKeys").selectAll().where("keyId", "=", keyId).executeTakeFirst();
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
