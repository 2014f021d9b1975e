import { randomUUID } from "node:crypto";
import pLimit from "p-limit";
import { type DueDomain, domainSet, domainsDue } from "../../registry/domain.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import { lookAtDomain, type MakeChange, makingsOf, publishAll, putOrSay } from "./look.ts";

/**
 * Looks for the records of claims, so that nobody has to ask for it, and again and again for those of verified domains: who sells a
 * domain must not go on being answered for. One that is gone for long enough is no longer routed.
 */
export async function lookAtDueDomains(service: ServiceContext): Promise<void> {
  const due = await service.registry.read((db) =>
    domainsDue(db, new Date().toISOString(), limits.domainsAtOnce),
  );
  const inTurn = pLimit(limits.domainLookConcurrency);
  await Promise.all(
    due.map((one) =>
      inTurn(async () => {
        try {
          await lookAt(service, one);
        } catch (thrown) {
          const { domainId, tenantId } = one.domain;
          service.log.warn({ err: thrown, domainId, tenantId }, "cannot look at a domain");
        }
      }),
    ),
  );
}

async function lookAt(service: ServiceContext, { domain, looks }: DueDomain): Promise<void> {
  const requestId = randomUUID();
  const cause = controllerFor({ requestId, correlationId: requestId });
  const change: MakeChange = (work) => service.registry.change(cause, work);
  const { status } = await service.registry.read((db) => tenantGet(db, domain.tenantId));
  if (status !== "deleted") {
    await lookAtDomain(service, domain, looks, { change });
    return;
  }
  const makings = await makingsOf(service, new Set([domain.planeName]));
  const made = await change(async (open) => {
    await domainSet(open, domain, { status: "removed" }, "removed", { reason: "the tenant was deleted" });
    return publishAll(open, makings, domain.domain);
  });
  for (const snapshot of made) await putOrSay(service, snapshot);
}
