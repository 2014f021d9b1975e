import type { DriftRepairPreview } from "../../contract/drift.ts";
import type { Reader } from "../../registry/registry.ts";
import type { RequestContext } from "./context.ts";
import { Overtaken } from "./overtaken.ts";
import { type RefusedWithin, refusedWithin } from "./policyGate.ts";

/**
 * Policies speak of tenants, and a repair may be asked for of many at once: each of them is decided on as if the repair had named that
 * one alone, in the change that would make its operation. A rollout leaves out who is refused and lists them; what answers at once has
 * nowhere to, so the request is refused as a whole, as it is by a window that is closed, and says whom to leave out.
 */
type Seen = DriftRepairPreview["targets"][number];

interface Refused extends RefusedWithin {
  readonly tenantId: string;
  readonly slug: string;
}

/** So many are told and recorded; who is left out then is told of the next. */
const REFUSED_TOLD = 20;

export async function refuseForbidden(
  context: RequestContext,
  db: Reader,
  targets: readonly Pick<Seen, "tenantId" | "slug" | "planeName">[],
): Promise<void> {
  const refused: Refused[] = [];
  for (const [tenantId, theirs] of Map.groupBy(targets, (target) => target.tenantId)) {
    const facts = { ...context.facts, planes: theirs.map(({ planeName }) => planeName) };
    const answer = await refusedWithin(context, db, { action: "driftRepairCreate", tenantId, facts });
    if (answer !== undefined) refused.push({ ...answer, tenantId, slug: theirs[0]?.slug ?? tenantId });
    if (refused.length === REFUSED_TOLD) break;
  }
  const [first] = refused;
  if (first !== undefined) throw together(first, refused);
}

function together(first: Refused, refused: readonly Refused[]): Overtaken {
  const { code, options } = first.refusal;
  const reasons = refused.flatMap(({ refusal }) => refusal.options.reasons ?? []);
  const byPolicy = new Map(reasons.map((reason) => [reason.policyId, reason]));
  const errors = refused.map(({ tenantId, slug }) => ({
    path: "body.exclude.tenantIds",
    message: `must have ${slug}`,
    value: tenantId,
  }));
  const denials = refused.map(({ denial }) => denial);
  return new Overtaken(denials, {
    code,
    options: {
      ...options,
      detail: `${options.detail} (${refused.map(({ slug }) => slug).join(", ")})`,
      hint: `Nothing was repaired. Leave these tenants out with exclude.tenantIds. ${options.hint ?? ""}`.trim(),
      errors,
      tenantId: first.tenantId,
      ...(byPolicy.size > 0 && { reasons: [...byPolicy.values()] }),
    },
  });
}
