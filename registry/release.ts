import { createHash } from "node:crypto";
import type { Selectable } from "kysely";
import type { Page, PageRequest } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Release, ReleaseCreate } from "../contract/release.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { pageAfterNumber, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import type { Change, Reader } from "./registry.ts";
import type { ReleaseTable } from "./schema.ts";

/** Numbers have no gap: the next is taken inside the change. Audits `release.created`. */
export async function releaseCreate(change: Change, input: ReleaseCreate): Promise<Release> {
  const latest = await releaseLatest(change.db);
  const release: Release = {
    releaseId: newId(),
    number: (latest?.number ?? 0) + 1,
    description: input.description,
    services: input.services,
    digest: createHash("sha256").update(canonicalJson(input.services)).digest("hex"),
    createdBy: change.context.actor.id,
    createdAt: change.now,
  };
  await change.db
    .insertInto("releases")
    .values({
      ...{ ...release, services: toJson(release.services) },
      ...{ notes: "", schemaVersion: null, compatibleFrom: null, compatibleTo: null, fromNumber: null },
    })
    .execute();
  await change.db.insertInto("releaseImages").values(imageRows(release)).execute();
  const { releaseId, number, digest, description } = release;
  await change.audit({
    action: "release.created",
    target: { type: "release", id: releaseId },
    details: { number, digest, description, images: imagesOf(release) },
  });
  await change.outbox({ type: "release.created", payload: { releaseId, number, digest } });
  return release;
}

export async function releaseFind(db: Reader, number: number): Promise<Release | undefined> {
  const row = await db.selectFrom("releases").selectAll().where("number", "=", number).executeTakeFirst();
  return row && fromRow(row);
}

export async function releaseGet(db: Reader, number: number): Promise<Release> {
  const release = await releaseFind(db, number);
  if (release !== undefined) return release;
  throw new ProblemError("release_not_found", {
    detail: `Cannot find release ${number}.`,
    hint: "List releases with GET /v1/control-plane/releases, or make one with POST.",
    errors: [{ path: "releaseNumber", message: "is no release's number", value: number }],
  });
}

export async function releaseLatest(db: Reader): Promise<Release | undefined> {
  const row = await db
    .selectFrom("releases")
    .selectAll()
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && fromRow(row);
}

/** Newest first. */
export async function releaseList(db: Reader, page: PageRequest): Promise<Page<Release>> {
  let rows = db.selectFrom("releases").selectAll();
  if (page.cursor) rows = rows.where("number", "<", pageAfterNumber(page.cursor, 1));
  const found = await rows
    .orderBy("number", "desc")
    .limit(page.limit + 1)
    .execute();
  return toPage(found, page.limit, fromRow, (row) => [row.createdAt, String(row.number)]);
}

function imageRows({ number, services }: Release) {
  return Object.entries(services).map(([service, { image }]) => ({
    ...{ releaseNumber: number, service, image },
    digest: image.split("@")[1] ?? null,
  }));
}

function imagesOf(release: Release): Record<string, string> {
  return Object.fromEntries(Object.entries(release.services).map(([name, { image }]) => [name, image]));
}

function fromRow(row: Selectable<ReleaseTable>): Release {
  const { releaseId, number, description, digest, createdBy, createdAt } = row;
  const services = fromJson(row.services) as Release["services"];
  return { releaseId, number, description, services, digest, createdBy, createdAt };
}
