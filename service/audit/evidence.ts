import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { EVIDENCE_LIMITS, type EvidenceFile, type EvidenceManifest } from "../../contract/evidence.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { archivesOfTenant } from "../../registry/archive.ts";
import { type AuditProof, auditProof } from "../../registry/auditExport.ts";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { certificateFind } from "../../registry/certificate.ts";
import { decisionList } from "../../registry/decisionLog.ts";
import { bundleFind } from "../../registry/entitlement.ts";
import { entitlementOverrides } from "../../registry/entitlementOverride.ts";
import {
  operationsIn,
  type Period,
  plansIn,
  policiesIn,
  releasesIn,
  versionsIn,
} from "../../registry/evidence.ts";
import { AUDIT, MANIFEST, SIGNATURE } from "../../registry/evidenceVerify.ts";
import { placementList } from "../../registry/placement.ts";
import type { Reader } from "../../registry/registry.ts";
import { signingKeyList } from "../../registry/signingKey.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import type { Signer } from "../signing/signer.ts";
import type { ZipEntry } from "./zip.ts";

/**
 * An evidence pack: what is on record of one tenant for a period, as files with a signed manifest, with the policies and plans that
 * it was decided by. It holds nothing on record of other tenants, no secret and none of the tenant's own data, since the registry has none. Read and sent page by page. A file that would
 * have too much ends early and says so in the manifest; the audit events, which prove nothing when some are missing, are counted
 * before the first byte is sent. They go as far as the newest checkpoint, since taking one is not for whoever may only read.
 */
export interface EvidenceRequest extends Period {
  readonly tenant: Tenant;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly bounds?: Pick<Record<keyof typeof EVIDENCE_LIMITS, number>, "records" | "fileBytes">;
}

interface Part {
  readonly name: string;
  readonly description: string;
  readonly records: AsyncIterable<unknown> | Iterable<unknown>;
}

export async function* evidenceEntries(
  db: Reader,
  request: EvidenceRequest,
  signer: Signer,
): AsyncGenerator<ZipEntry> {
  const files: EvidenceFile[] = [];
  const { bounds = EVIDENCE_LIMITS } = request;
  // A line less than a file may have: what stands before the events are lines too.
  const most = { limit: bounds.records - 100, limitBytes: bounds.fileBytes };
  const proving = { from: request.from, exportedAt: request.createdAt, ...most };
  const proof = await auditProof(db, request.tenant.tenantId, proving);
  for (const part of await partsOf(db, request, proof))
    yield { name: part.name, content: linesOf(part, files, bounds) };
  const { tenant, from, to, createdAt, createdBy } = request;
  const { tenantId, slug } = tenant;
  const manifest: EvidenceManifest = {
    ...{ formatVersion: 1, kind: "evidence_pack", tenantId, slug, from, to, createdAt, createdBy },
    checkpoint: { number: proof.checkpoint.number, createdAt: proof.checkpoint.createdAt },
    files,
  };
  const signature = { keyId: signer.keyId, signature: signer.sign(canonicalJson(manifest)) };
  yield { name: MANIFEST, content: [`${JSON.stringify(manifest, null, 2)}\n`] };
  yield { name: SIGNATURE, content: [`${JSON.stringify(signature, null, 2)}\n`] };
}

/** Neither SQLite nor packing waits for anything: others get their turn after so many records, which take a few milliseconds. */
const RECORDS_A_TURN = 200;

/** One line of JSON each; what was written is noted once it is. */
async function* linesOf(
  { name, description, records }: Part,
  files: EvidenceFile[],
  bounds: NonNullable<EvidenceRequest["bounds"]>,
): AsyncGenerator<string> {
  const hash = createHash("sha256");
  let [count, bytes, complete] = [0, 0, true];
  for await (const record of records) {
    const line = `${JSON.stringify(record)}\n`;
    const lineBytes = Buffer.byteLength(line);
    if (count >= bounds.records || bytes + lineBytes > bounds.fileBytes) {
      complete = false;
      break;
    }
    hash.update(line);
    bytes += lineBytes;
    count += 1;
    yield line;
    if (count % RECORDS_A_TURN === 0) await setImmediate();
  }
  files.push({ name, description, records: count, bytes, sha256: hash.digest("hex"), complete });
}

async function partsOf(
  db: Reader,
  { tenant, from, to }: EvidenceRequest,
  proof: AuditProof,
): Promise<Part[]> {
  const { tenantId } = tenant;
  const period = { from, to };
  return [
    part("tenant.ndjson", "The record as it is now", [tenant]),
    part("tenant-versions.ndjson", "The record's versions, newest first", versionsIn(db, tenantId, period)),
    part(AUDIT, "Audit events since the period began, with their proof", proof.lines),
    part("operations.ndjson", "Operations that were asked for", operationsIn(db, tenantId, period)),
    part("decisions.ndjson", "What was allowed; denials are audit events", decisionsIn(db, tenantId, period)),
    part("policies.ndjson", "The fleet's policies that held, newest first", policiesIn(db, period)),
    part("plans.ndjson", "Versions of plans that it was bound to, newest first", plansIn(db, tenant, period)),
    part("targets.ndjson", "Deployment targets as they are now", await targetsOfTenant(db, tenantId)),
    part("placements.ndjson", "Where targets were put, and why", placementsIn(db, tenantId, period)),
    part("releases.ndjson", "Releases that were deployed", releasesIn(db, tenantId, period)),
    part("entitlements.ndjson", "Entitlements as they are now", await entitlementsOf(db, tenantId)),
    part("archives.ndjson", "Archives of its data", await archivesOfTenant(db, tenantId)),
    part("certificate.ndjson", "Of its deletion, if it is deleted", await certificatesOf(db, tenantId)),
    part("keys.ndjson", "Public keys, to be compared with those you know", await keysOf(db)),
  ];
}

function part(name: string, description: string, records: Part["records"]): Part {
  return { name, description, records };
}

async function* decisionsIn(db: Reader, tenantId: string, period: Period) {
  let cursor: string | undefined;
  do {
    const page = await decisionList(db, { limit: 500, tenantId, ...period, cursor });
    yield* page.items;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

/** Those decided before the period too: they were in force in it. */
async function* placementsIn(db: Reader, tenantId: string, { to }: Period) {
  let cursor: string | undefined;
  do {
    const page = await placementList(db, tenantId, { limit: 500, cursor });
    yield* page.items.filter(({ decidedAt }) => decidedAt < to);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

async function entitlementsOf(db: Reader, tenantId: string): Promise<unknown[]> {
  const bundle = await bundleFind(db, tenantId);
  const overrides = await entitlementOverrides(db, tenantId);
  return [...(bundle === undefined ? [] : [bundle]), ...overrides];
}

async function certificatesOf(db: Reader, tenantId: string): Promise<unknown[]> {
  const certificate = await certificateFind(db, tenantId);
  return certificate === undefined ? [] : [certificate];
}

async function keysOf(db: Reader): Promise<unknown[]> {
  return (await signingKeyList(db, { limit: 100 })).items;
}
