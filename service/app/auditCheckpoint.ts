import { randomUUID } from "node:crypto";
import {
  type AuditCheckpoint,
  type AuditExportQuery,
  type AuditProofQuery,
  PROOF_LIMITS,
} from "../../contract/auditCheckpoint.ts";
import type { Page, PageRequest } from "../../contract/common.ts";
import { FLEET_CHAIN } from "../../registry/auditChain.ts";
import * as registry from "../../registry/auditCheckpointStore.ts";
import {
  auditProof,
  checkpointLines,
  type Exported,
  auditExport as registryExport,
  requireChain,
} from "../../registry/auditExport.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { anchorCheckpoints } from "../audit/anchor.ts";
import { anchorStore } from "../audit/anchorStore.ts";
import { takeCheckpoint } from "../audit/checkpoint.ts";
import { authorize, authorizeRecord } from "./authorize.ts";
import { changeAs, controllerFor, type RequestContext, type ServiceContext } from "./context.ts";

export async function auditCheckpointCreate(
  context: RequestContext,
  { reason }: { readonly reason?: string | undefined },
): Promise<AuditCheckpoint> {
  await authorize(context, "auditCheckpointCreate", undefined, { reason });
  const taken = await takeCheckpoint(context, (work) => changeAs(context, work), { always: true, reason });
  if (taken === undefined) throw new Error("a checkpoint that is asked for is always taken");
  await anchorNow(context);
  return context.registry.read((db) => registry.checkpointGet(db, taken.statement.number));
}

/** If anything has happened since the last; in the service's own name. */
export async function checkpointByItself(service: ServiceContext): Promise<void> {
  const requestId = randomUUID();
  const cause = controllerFor({ requestId, correlationId: requestId });
  await takeCheckpoint(service, (work) => service.registry.change(cause, work), { always: false });
  await anchorNow(service);
}

/** What cannot be anchored now is anchored later; the checkpoint is taken all the same. */
export async function anchorNow(service: ServiceContext): Promise<void> {
  const { auditAnchor } = service.settings;
  if (auditAnchor !== undefined) await anchorCheckpoints(service, anchorStore(auditAnchor, service));
}

export async function auditCheckpointList(
  context: RequestContext,
  page: PageRequest,
): Promise<Page<AuditCheckpoint>> {
  await authorize(context, "auditCheckpointList");
  return context.registry.read((db) => registry.checkpointList(db, page));
}

export async function auditCheckpointGet(context: RequestContext, number: number): Promise<AuditCheckpoint> {
  await authorize(context, "auditCheckpointGet");
  return context.registry.read((db) => registry.checkpointGet(db, number));
}

export async function auditCheckpointExport(
  context: RequestContext,
  number: number,
): Promise<AsyncIterable<string>> {
  await authorize(context, "auditCheckpointExport");
  const lines = await context.registry.read(async (db) => {
    const { statement, keyId, signature } = await registry.checkpointGet(db, number);
    return checkpointLines(db, { statement, keyId, signature });
  });
  if (lines !== undefined) return pieces(lines);
  throw registry.checkpointMissing(number, "its heads are no longer in the registry");
}

export async function auditExport(
  context: RequestContext,
  query: AuditExportQuery,
): Promise<AsyncIterable<string>> {
  const { chain } = query;
  await authorizeRecord(context, "auditExport", async (db) => {
    await requireChain(db, chain);
    return { tenantId: chain === "all" || chain === FLEET_CHAIN ? null : chain };
  });
  const now = new Date().toISOString();
  return context.registry.read(async (db) => pieces(registryExport(db, query, now)));
}

export async function tenantAuditProof(
  context: RequestContext,
  tenantId: string,
  { from }: AuditProofQuery,
): Promise<AsyncIterable<string>> {
  await authorize(context, "tenantAuditProof", tenantId);
  const exportedAt = new Date().toISOString();
  return context.registry.read(async (db) => {
    await tenantGet(db, tenantId);
    const { lines } = await auditProof(db, tenantId, { from, limit: PROOF_LIMITS.events, exportedAt });
    return pieces(lines);
  });
}

const LINES_A_PIECE = 200;

async function* pieces(lines: AsyncIterable<Exported> | Iterable<Exported>): AsyncGenerator<string> {
  let batch: string[] = [];
  for await (const line of lines) {
    batch.push(`${JSON.stringify(line)}\n`);
    if (batch.length < LINES_A_PIECE) continue;
    yield batch.join("");
    batch = [];
  }
  if (batch.length > 0) yield batch.join("");
}
