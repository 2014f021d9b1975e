import { createHash } from "node:crypto";
import type { Selectable } from "kysely";
import type { Page, PageRequest } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type { Release } from "../contract/release.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { pageAfterNumber, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { fromJson, toJson } from "./json.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { ReleaseTable } from "./schema.ts";

/** A release as it is to be: whole, and with images that mean one thing each. */
export interface ReleaseFacts extends Pick<Release, "description" | "services"> {
  readonly notes?: string;
  readonly schemaVersion?: number | null;
  readonly compatibleSchemas?: Release["compatibleSchemas"];
  readonly fromNumber?: number | null;
  readonly reason?: string | undefined;
}

/** Numbers have no gap: the next is taken inside the change. Audits `release.created`. */
export async function releaseCreate(change: Change, input: ReleaseFacts): Promise<Release> {
  const latest = await releaseLatest(change.db);
  const { description, services, notes = "", schemaVersion = null } = input;
  const { compatibleSchemas = null, fromNumber = null } = input;
  const release: Release = {
    releaseId: newId(),
    number: (latest?.number ?? 0) + 1,
    ...{
      description: redactText(description),
      notes: redactText(notes),
      schemaVersion,
      compatibleSchemas,
      fromNumber,
      services,
    },
    digest: createHash("sha256").update(canonicalJson(services)).digest("hex"),
    createdBy: change.context.actor.id,
    createdAt: change.now,
  };
  await change.db.insertInto("releases").values(toRow(release)).execute();
  await change.db.insertInto("releaseImages").values(imageRows(release)).execute();
  const { releaseId, number, digest } = release;
  await change.audit({
    action: "release.created",
    target: { type: "release", id: releaseId },
    reason: input.reason ?? null,
    details: { number, digest, description, fromNumber, schemaVersion, images: imagesOf(release) },
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

function toRow({ services, compatibleSchemas, ...rest }: Release): Selectable<ReleaseTable> {
  const range = {
    compatibleFrom: compatibleSchemas?.from ?? null,
    compatibleTo: compatibleSchemas?.to ?? null,
  };
  return { ...rest, ...range, services: toJson(services) };
}

function fromRow({ services, compatibleFrom, compatibleTo, ...row }: Selectable<ReleaseTable>): Release {
  const isRange = compatibleFrom !== null && compatibleTo !== null;
  return {
    ...row,
    services: fromJson(services) as Release["services"],
    compatibleSchemas: isRange ? { from: compatibleFrom, to: compatibleTo } : null,
  };
}
