import type { Selectable } from "kysely";
import type { Page, PageRequest } from "../contract/common.ts";
import { ProblemError } from "../contract/errors.ts";
import type {
  Incident,
  IncidentCreate,
  IncidentListQuery,
  IncidentNote,
  IncidentUpdate,
} from "../contract/incident.ts";
import type { IncidentSubjectKind } from "../contract/vocabulary.ts";
import { pageAfter, toPage } from "./cursor.ts";
import { newId } from "./id.ts";
import { redactText } from "./redact.ts";
import type { Change, Reader } from "./registry.ts";
import type { IncidentTable } from "./schema.ts";

/** Incidents, whom they touch, and their timelines. All of them are on the fleet's chain: one may be about many tenants. */

/** Audits `incident.opened`. */
export async function incidentCreate(change: Change, input: IncidentCreate): Promise<Incident> {
  const { title, severity, status, affects, note, reason } = input;
  const incident: Incident = {
    incidentId: newId(),
    ...{ title: redactText(title), severity, status, affects },
    openedBy: change.context.actor.id,
    openedAt: change.now,
    resolvedBy: null,
    resolvedAt: null,
    recordVersion: 1,
    updatedAt: change.now,
  };
  await change.db.insertInto("incidents").values(toRow(incident)).execute();
  await writeSubjects(change, incident);
  if (note !== undefined) await writeNote(change, incident, note);
  await announce(change, incident, "incident.opened", reason, { affects });
  return incident;
}

export interface IncidentUpdateOptions {
  /** From If-Match: the change is refused when the record has another version. */
  readonly expectedVersion?: number | undefined;
}

/** Audits `incident.updated`, or `incident.resolved`; refuses one that is resolved. */
export async function incidentUpdate(
  change: Change,
  incidentId: string,
  { note, reason, ...update }: IncidentUpdate,
  { expectedVersion }: IncidentUpdateOptions = {},
): Promise<Incident> {
  const before = await incidentGet(change.db, incidentId);
  refuseStale(before, expectedVersion);
  refuseResolved(before);
  const given = Object.fromEntries(Object.entries(update).filter(([, to]) => to !== undefined));
  const resolving = update.status === "resolved";
  const after: Incident = {
    ...{ ...before, ...given },
    title: update.title === undefined ? before.title : redactText(update.title),
    ...(resolving && { resolvedBy: change.context.actor.id, resolvedAt: change.now }),
    recordVersion: before.recordVersion + 1,
    updatedAt: change.now,
  };
  const { incidentId: _id, ...row } = toRow(after);
  await change.db.updateTable("incidents").set(row).where("incidentId", "=", incidentId).execute();
  if (update.affects !== undefined) await writeSubjects(change, after);
  if (note !== undefined) await writeNote(change, after, note);
  const changed = Object.fromEntries(
    Object.entries(given).map(([name, to]) => [name, { from: before[name as keyof Incident], to }]),
  );
  await announce(change, after, resolving ? "incident.resolved" : "incident.updated", reason, { changed });
  return after;
}

/** Audits `incident.noted`, without the text. */
export async function incidentNoteCreate(
  change: Change,
  incidentId: string,
  text: string,
  reason?: string,
): Promise<IncidentNote> {
  const incident = await incidentGet(change.db, incidentId);
  const note = await writeNote(change, incident, text);
  await announce(change, incident, "incident.noted", reason, { noteId: note.noteId });
  return note;
}

export async function incidentGet(db: Reader, incidentId: string): Promise<Incident> {
  const row = await db
    .selectFrom("incidents")
    .selectAll()
    .where("incidentId", "=", incidentId)
    .executeTakeFirst();
  const [incident] = row === undefined ? [] : await withSubjects(db, [row]);
  if (incident !== undefined) return incident;
  throw new ProblemError("incident_not_found", {
    detail: `Cannot find incident ${incidentId}.`,
    hint: "List incidents with GET /v1/control-plane/incidents.",
    errors: [{ path: "incidentId", message: "is no incident's id", value: incidentId }],
  });
}

/** Newest first. */
export async function incidentList(db: Reader, query: IncidentListQuery): Promise<Page<Incident>> {
  let rows = db.selectFrom("incidents").selectAll();
  if (query.status) rows = rows.where("status", "=", query.status);
  if (query.open) rows = rows.where("status", "<>", "resolved");
  if (query.cursor) {
    const [openedAt, incidentId] = pageAfter(query.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("openedAt", "incidentId"), "<", tuple(openedAt, incidentId)),
    );
  }
  const found = await rows
    .orderBy("openedAt", "desc")
    .orderBy("incidentId", "desc")
    .limit(query.limit + 1)
    .execute();
  const incidents = await withSubjects(db, found);
  return toPage(
    incidents,
    query.limit,
    (incident) => incident,
    (incident) => [incident.openedAt, incident.incidentId],
  );
}

/** Oldest first. */
export async function incidentNoteList(
  db: Reader,
  incidentId: string,
  page: PageRequest,
): Promise<Page<IncidentNote>> {
  await incidentGet(db, incidentId);
  let rows = db.selectFrom("incidentNotes").selectAll().where("incidentId", "=", incidentId);
  if (page.cursor) {
    const [at, noteId] = pageAfter(page.cursor);
    rows = rows.where(({ eb, refTuple, tuple }) => eb(refTuple("at", "noteId"), ">", tuple(at, noteId)));
  }
  const found = await rows
    .orderBy("at")
    .orderBy("noteId")
    .limit(page.limit + 1)
    .execute();
  return toPage(
    found,
    page.limit,
    (row) => row,
    (row) => [row.at, row.noteId],
  );
}

export interface Touched {
  readonly tenantId: string;
  readonly planeNames: readonly string[];
  readonly releaseNumbers: readonly number[];
}

/** The newest of those that are not resolved and touch the tenant: itself, a plane it is on or a release it runs. */
export async function incidentsTouching(db: Reader, touched: Touched, limit: number): Promise<Incident[]> {
  const subjects: [IncidentSubjectKind, string[]][] = [
    ["tenant", [touched.tenantId]],
    ["plane", [...touched.planeNames]],
    ["release", touched.releaseNumbers.map(String)],
  ];
  const asked = subjects.filter(([, values]) => values.length > 0);
  const rows = await db
    .selectFrom("incidents")
    .selectAll()
    .where("status", "<>", "resolved")
    .where("incidentId", "in", (eb) =>
      eb
        .selectFrom("incidentSubjects")
        .select("incidentId")
        .where((sub) =>
          sub.or(
            asked.map(([kind, values]) => sub.and([sub("kind", "=", kind), sub("value", "in", values)])),
          ),
        ),
    )
    .orderBy("openedAt", "desc")
    .orderBy("incidentId", "desc")
    .limit(limit)
    .execute();
  return withSubjects(db, rows);
}

async function withSubjects(db: Reader, rows: readonly Selectable<IncidentTable>[]): Promise<Incident[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ incidentId }) => incidentId);
  const subjects = await db
    .selectFrom("incidentSubjects")
    .selectAll()
    .where("incidentId", "in", ids)
    .orderBy("value")
    .execute();
  return rows.map((row) => {
    const of = (kind: IncidentSubjectKind) =>
      subjects
        .filter((subject) => subject.incidentId === row.incidentId && subject.kind === kind)
        .map(({ value }) => value);
    const releaseNumbers = of("release")
      .map(Number)
      .sort((one, other) => one - other);
    return { ...row, affects: { tenantIds: of("tenant"), planes: of("plane"), releaseNumbers } };
  });
}

async function writeSubjects(change: Change, { incidentId, affects }: Incident): Promise<void> {
  await change.db.deleteFrom("incidentSubjects").where("incidentId", "=", incidentId).execute();
  const rows = [
    ...affects.tenantIds.map((value) => ({ incidentId, kind: "tenant" as const, value })),
    ...affects.planes.map((value) => ({ incidentId, kind: "plane" as const, value })),
    ...affects.releaseNumbers.map((number) => ({
      ...{ incidentId, kind: "release" as const },
      value: String(number),
    })),
  ];
  if (rows.length > 0) await change.db.insertInto("incidentSubjects").values(rows).execute();
}

async function writeNote(change: Change, incident: Incident, text: string): Promise<IncidentNote> {
  const { incidentId, status } = incident;
  const authorId = change.context.actor.id;
  const note = { noteId: newId(), incidentId, authorId, at: change.now, status, text: redactText(text) };
  await change.db.insertInto("incidentNotes").values(note).execute();
  return note;
}

function refuseResolved({ incidentId, status, resolvedAt }: Incident): void {
  if (status !== "resolved") return;
  throw new ProblemError("incident_resolved", {
    detail: `Cannot change incident ${incidentId}: it was resolved at ${resolvedAt}.`,
    hint: "Open another one, or add a note to its timeline.",
    errors: [{ path: "incident.status", message: "is resolved" }],
  });
}

function refuseStale({ incidentId, recordVersion }: Incident, expected: number | undefined): void {
  if (expected === undefined || expected === recordVersion) return;
  throw new ProblemError("version_conflict", {
    detail: `Cannot change incident ${incidentId}: its record must be at version ${expected}, got ${recordVersion}.`,
    hint: "Get the incident, decide again on what it says now, and send its version as If-Match.",
    errors: [{ path: "header.if-match", message: `is not ${recordVersion}`, value: expected }],
  });
}

async function announce(
  change: Change,
  incident: Incident,
  action: string,
  reason: string | undefined,
  details: Record<string, unknown>,
): Promise<void> {
  const { incidentId, title, severity, status, recordVersion } = incident;
  await change.audit({
    ...{ action, target: { type: "incident", id: incidentId }, reason: reason ?? null },
    details: { title, severity, status, recordVersion, ...details },
  });
  await change.outbox({ type: action, payload: { incidentId, severity, status, recordVersion } });
}

function toRow({ affects: _affects, ...row }: Incident): Selectable<IncidentTable> {
  return row;
}
