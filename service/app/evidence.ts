import { ProblemError } from "../../contract/errors.ts";
import { EVIDENCE_LIMITS, type EvidenceQuery } from "../../contract/evidence.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { evidenceEntries } from "../audit/evidence.ts";
import { zipOf } from "../audit/zip.ts";
import { signerOf } from "../signing/signer.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

const DAY_MS = 86_400_000;

/** That it was taken is on record before the first byte of it is sent. */
export async function tenantEvidence(
  context: RequestContext,
  tenantId: string,
  { from, to }: EvidenceQuery,
): Promise<{ readonly name: string; readonly bytes: AsyncIterable<Uint8Array> }> {
  await authorize(context, "tenantEvidence", tenantId);
  refusePeriod(from, to);
  const { registry, principal } = context;
  const tenant = await registry.read((db) => tenantGet(db, tenantId));
  const target = { type: "tenant", id: tenantId };
  const entry = { action: "evidence.taken", target, tenantId, details: { from, to } };
  const taking = await changeAs(context, (change) => change.audit(entry), { tenantId });
  const request = { tenant, from, to, createdAt: taking.occurredAt, createdBy: principal.id };
  const bytes = await registry.read(async (db) =>
    zipOf(evidenceEntries(db, request, signerOf(context.settings))),
  );
  return { name: `evidence-${tenant.slug}-${from.slice(0, 10)}-${to.slice(0, 10)}.zip`, bytes };
}

function refusePeriod(from: string, to: string): void {
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS;
  if (days > 0 && days <= EVIDENCE_LIMITS.days) return;
  const message = `must be after query.from, by at most ${EVIDENCE_LIMITS.days} days`;
  throw new ProblemError("invalid_request", {
    detail: `Cannot make an evidence pack: query.to ${message}, got ${from} to ${to}.`,
    hint: "Ask for several shorter periods.",
    errors: [{ path: "query.to", message, value: to }],
  });
}
