import type { Page, PageRequest } from "../../contract/common.ts";
import type {
  Incident,
  IncidentCreate,
  IncidentListQuery,
  IncidentNote,
  IncidentUpdate,
} from "../../contract/incident.ts";
import * as registry from "../../registry/incident.ts";
import { planeGet } from "../../registry/plane.ts";
import type { Reader } from "../../registry/registry.ts";
import { releaseGet } from "../../registry/release.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

export async function incidentCreate(context: RequestContext, input: IncidentCreate): Promise<Incident> {
  await authorize(context, "incidentCreate");
  return changeAs(context, async (change) => {
    await requireSubjects(change.db, input.affects);
    return registry.incidentCreate(change, input);
  });
}

export async function incidentUpdate(
  context: RequestContext,
  incidentId: string,
  update: IncidentUpdate,
  expectedVersion: number | undefined,
): Promise<Incident> {
  await authorize(context, "incidentUpdate");
  return changeAs(context, async (change) => {
    if (update.affects !== undefined) await requireSubjects(change.db, update.affects);
    return registry.incidentUpdate(change, incidentId, update, { expectedVersion });
  });
}

/** An id that is nobody's would make an incident that touches nobody, and nobody would notice. */
async function requireSubjects(db: Reader, affects: IncidentCreate["affects"]): Promise<void> {
  for (const tenantId of affects.tenantIds) await tenantGet(db, tenantId);
  for (const plane of affects.planes) await planeGet(db, plane);
  for (const number of affects.releaseNumbers) await releaseGet(db, number);
}

export async function incidentList(
  context: RequestContext,
  query: IncidentListQuery,
): Promise<Page<Incident>> {
  await authorize(context, "incidentList");
  return context.registry.read((db) => registry.incidentList(db, query));
}

export async function incidentGet(context: RequestContext, incidentId: string): Promise<Incident> {
  await authorize(context, "incidentGet");
  return context.registry.read((db) => registry.incidentGet(db, incidentId));
}

export async function incidentNoteCreate(
  context: RequestContext,
  incidentId: string,
  note: { readonly text: string; readonly reason?: string | undefined },
): Promise<IncidentNote> {
  await authorize(context, "incidentNoteCreate");
  return changeAs(context, (change) =>
    registry.incidentNoteCreate(change, incidentId, note.text, note.reason),
  );
}

export async function incidentNoteList(
  context: RequestContext,
  incidentId: string,
  page: PageRequest,
): Promise<Page<IncidentNote>> {
  await authorize(context, "incidentNoteList");
  return context.registry.read((db) => registry.incidentNoteList(db, incidentId, page));
}
