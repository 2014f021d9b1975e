import { DOMAIN_LIMITS, type Domain } from "../../contract/domain.ts";
import type { RoutingSnapshot } from "../../contract/routingSnapshot.ts";
import * as registry from "../../registry/domain.ts";
import type { Change } from "../../registry/registry.ts";
import { type RoutingMaking, routingPublish } from "../../registry/routing.ts";
import { tenantGet } from "../../registry/tenant.ts";
import type { ServiceContext } from "../app/context.ts";
import { routingMaking } from "../routing/making.ts";
import { publishSnapshot } from "../routing/publish.ts";
import { judge, later, type Verdict } from "./judge.ts";
import { type TxtAnswer, txtLookupOf } from "./txt.ts";

/**
 * One look at a domain's record, and what follows from it. The DNS is asked before the change and never within it; what was decided
 * from the answer is dropped when somebody else has changed the domain meanwhile.
 */
export interface Look {
  readonly domain: Domain;
  readonly answer: TxtAnswer;
  /** Another tenant has the domain, and its record is there too. */
  readonly takenBy?: string;
}

/** In the caller's name or the service's. */
export type MakeChange = <T>(work: (change: Change) => Promise<T>) => Promise<T>;

export async function lookAtDomain(
  service: ServiceContext,
  domain: Domain,
  looks: number,
  { change: makeChange, reason = null }: { readonly change: MakeChange; readonly reason?: string | null },
): Promise<Look> {
  const answer = await txtLookupOf(service.settings)(domain.challenge.recordName);
  service.metrics.domainLooks.inc({ outcome: outcomeOf(domain, answer) });
  const verdict = judge(domain, answer, looks, new Date().toISOString());
  if (verdict.kind === "stay") return stay(service, domain, answer, verdict);
  const holder = await service.registry.read((db) => registry.domainHolder(db, domain.domain));
  const planes = new Set([domain.planeName, ...(holder === undefined ? [] : [holder.planeName])]);
  const makings = await makingsOf(service, planes);
  const made: RoutingSnapshot[] = [];
  const looked = await makeChange(async (change): Promise<Look> => {
    const now = await registry.domainGet(change.db, domain.tenantId, domain.domainId);
    if (now.recordVersion !== domain.recordVersion) return { domain: now, answer };
    const decided = await decide(change, now, answer, verdict, reason);
    if (decided.takenBy === undefined) made.push(...(await publishAll(change, makings, domain.domain)));
    return decided;
  });
  for (const snapshot of made) await putOrSay(service, snapshot);
  return looked;
}

async function stay(
  { registry: books }: ServiceContext,
  domain: Domain,
  answer: TxtAnswer,
  verdict: Extract<Verdict, { kind: "stay" }>,
): Promise<Look> {
  await books.record((record) => registry.domainSeen(record, domain.domainId, verdict));
  const seen = await books.read((db) => registry.domainGet(db, domain.tenantId, domain.domainId));
  return { domain: seen, answer };
}

async function decide(
  change: Change,
  domain: Domain,
  answer: TxtAnswer,
  verdict: Exclude<Verdict, { kind: "stay" }>,
  reason: string | null,
): Promise<Look> {
  const set = async (...[patch, event, seen]: [registry.DomainPatch, string, registry.DomainSeen]) => ({
    answer,
    domain: await registry.domainSet(change, domain, patch, event, { ...seen, reason }),
  });
  if (verdict.kind === "failing") {
    const patch = { status: "verified", failingSince: change.now } as const;
    return set(patch, "failing", verdict);
  }
  if (verdict.kind === "lapse") return set({ status: "lapsed" }, "lapsed", verdict);
  if (verdict.kind === "expire") return set({ status: "expired" }, "expired", verdict);
  const takenBy = await takeOver(change, domain, answer);
  if (takenBy !== undefined) {
    const problem = "another tenant has it verified, and that tenant's record is there too";
    const waits = domain.status === "pending";
    const isOver = waits && change.now >= later(domain.createdAt, DOMAIN_LIMITS.claimMs);
    if (isOver) return { ...(await set({ status: "expired" }, "expired", { problem })), takenBy };
    const nextCheckAt = waits ? later(change.now, DOMAIN_LIMITS.claimLookMaxMs) : null;
    await registry.domainSeen(change, domain.domainId, { problem, nextCheckAt });
    return { domain: { ...domain, problem, nextCheckAt }, answer, takenBy };
  }
  const seen = judge({ ...domain, status: "verified", failingSince: null }, answer, 0, change.now);
  const event = domain.status === "verified" ? "recovered" : "verified";
  return set({ status: "verified" }, event, seen.kind === "stay" ? seen : {});
}

/** A domain passes on when whoever has it no longer has the record, or is no longer there. Gives who keeps it all the same. */
async function takeOver(change: Change, domain: Domain, answer: TxtAnswer): Promise<string | undefined> {
  const holder = await registry.domainHolder(change.db, domain.domain);
  if (holder === undefined || holder.domainId === domain.domainId) return undefined;
  const { status } = await tenantGet(change.db, holder.tenantId);
  const hasRecord = answer.kind === "found" && answer.values.includes(holder.challenge.value);
  if (status !== "deleted" && hasRecord) return holder.tenantId;
  const problem = "another tenant has proven the domain, and this one's record is gone";
  await registry.domainSet(change, holder, { status: "lapsed" }, "lapsed", { problem });
  return undefined;
}

export async function makingsOf(
  service: ServiceContext,
  planes: ReadonlySet<string>,
): Promise<Map<string, RoutingMaking>> {
  const makings = new Map<string, RoutingMaking>();
  // In order: each plane's routing is locked in turn.
  for (const planeName of [...planes].sort()) makings.set(planeName, await routingMaking(service, planeName));
  return makings;
}

export async function publishAll(
  change: Change,
  makings: ReadonlyMap<string, RoutingMaking>,
  domain: string,
): Promise<RoutingSnapshot[]> {
  const made: RoutingSnapshot[] = [];
  for (const [planeName, making] of makings) {
    const { snapshot, changed } = await routingPublish(change, planeName, making, {
      reason: `domain ${domain}`,
    });
    if (changed) made.push(snapshot);
  }
  return made;
}

/** The version is there whether or not the store takes it now: the store is looked at again and again. */
export async function putOrSay(service: ServiceContext, snapshot: RoutingSnapshot): Promise<void> {
  try {
    await publishSnapshot(service, snapshot);
  } catch (thrown) {
    const { planeName, version } = snapshot;
    service.metrics.routingStoreFailures.inc({ plane: planeName });
    service.log.error({ err: thrown, planeName, version }, "cannot put the routing into the plane's store");
  }
}

function outcomeOf({ challenge }: Domain, answer: TxtAnswer): "found" | "missing" | "dns_error" {
  if (answer.kind === "error") return "dns_error";
  return answer.kind === "found" && answer.values.includes(challenge.value) ? "found" : "missing";
}
