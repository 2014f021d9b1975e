import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";

/** Which sets of policies held, from when on. The newest row holds; rows are never changed. */
export interface PolicyLoad {
  readonly version: string;
  readonly source: string;
  readonly files: readonly { readonly name: string; readonly text: string }[];
  readonly loadedAt: string;
}

/** Audits `policy.loaded`, unless the newest row is of the same version already; answers when that was. */
export async function policyLoadRecord(
  change: Change,
  load: Omit<PolicyLoad, "loadedAt">,
): Promise<{ readonly loadedAt: string; readonly isNew: boolean }> {
  const newest = await policyLoadNewest(change.db);
  if (newest?.version === load.version) return { loadedAt: newest.loadedAt, isNew: false };
  const { version, source, files } = load;
  await change.db
    .insertInto("policyLoads")
    .values({
      ...{ loadId: newId(), version, source, loadedAt: change.now },
      files: toJson(files.map(({ name, text }) => ({ name, text }))),
    })
    .execute();
  const details = { version, source, files: files.map(({ name }) => name), before: newest?.version ?? null };
  await change.audit({ action: "policy.loaded", target: { type: "policy", id: version }, details });
  await change.outbox({ type: "policy.loaded", payload: { version, source } });
  return { loadedAt: change.now, isNew: true };
}

export async function policyLoadNewest(db: Reader): Promise<PolicyLoad | undefined> {
  const row = await db
    .selectFrom("policyLoads")
    .select(["version", "source", "files", "loadedAt"])
    .orderBy("loadId", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && { ...row, files: fromJson(row.files) };
}

/** The newest of those that were loaded before a time, or before another. */
export async function policyLoadBefore(
  db: Reader,
  before: Partial<Record<"loadedAt" | "loadId", string>>,
): Promise<(PolicyLoad & { readonly loadId: string }) | undefined> {
  let rows = db.selectFrom("policyLoads").select(["loadId", "version", "source", "files", "loadedAt"]);
  if (before.loadedAt !== undefined) rows = rows.where("loadedAt", "<", before.loadedAt);
  if (before.loadId !== undefined) rows = rows.where("loadId", "<", before.loadId);
  const row = await rows.orderBy("loadId", "desc").limit(1).executeTakeFirst();
  return row && { ...row, files: fromJson(row.files) };
}

/** The set of a version that ever held: what a decision in the audit trail was made by. */
export async function policyLoadFind(db: Reader, version: string): Promise<PolicyLoad | undefined> {
  const row = await db
    .selectFrom("policyLoads")
    .select(["version", "source", "files", "loadedAt"])
    .where("version", "=", version)
    .orderBy("loadId", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && { ...row, files: fromJson(row.files) };
}
