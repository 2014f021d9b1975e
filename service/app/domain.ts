import type { Page } from "../../contract/common.ts";
import type {
  Domain,
  DomainCreate,
  DomainListQuery,
  DomainVerified,
  DomainVerify,
} from "../../contract/domain.ts";
import { ProblemError } from "../../contract/errors.ts";
import type { RoutingHold } from "../../contract/routing.ts";
import type { RoutingSnapshot } from "../../contract/routingSnapshot.ts";
import * as registry from "../../registry/domain.ts";
import { planeAll, planeGet } from "../../registry/plane.ts";
import type { Reader } from "../../registry/registry.ts";
import { routingLatest } from "../../registry/routing.ts";
import { headOf, holdOf } from "../../registry/routingHead.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { refuseOtherVersion } from "../../registry/tenantProblem.ts";
import { inWords } from "../domains/judge.ts";
import { type Look, lookAtDomain, makingsOf, publishAll, putOrSay } from "../domains/look.ts";
import { isUnder, readDomainName } from "../domains/name.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

export async function domainCreate(
  context: RequestContext,
  tenantId: string,
  { domain: given, planeName: named, reason }: DomainCreate,
): Promise<Domain> {
  await authorize(context, "domainCreate", tenantId, named === undefined ? {} : { planes: [named] });
  const domain = domainOf(given);
  return changeAs(
    context,
    async (change) => {
      const planeName = await planeFor(change.db, tenantId, named);
      await refusePlanes(change.db, domain);
      return registry.domainCreate(change, { tenantId, planeName, domain }, reason ?? null);
    },
    { tenantId },
  );
}

export async function domainList(
  context: RequestContext,
  tenantId: string,
  query: DomainListQuery,
): Promise<Page<Domain>> {
  await authorize(context, "domainList", tenantId);
  return context.registry.read(async (db) => {
    await tenantGet(db, tenantId);
    return registry.domainList(db, tenantId, query);
  });
}

interface DomainPlace {
  readonly tenantId: string;
  readonly domainId: string;
}

export async function domainGet(
  context: RequestContext,
  { tenantId, domainId }: DomainPlace,
): Promise<Domain> {
  await authorize(context, "domainGet", tenantId);
  return context.registry.read(async (db) => {
    await tenantGet(db, tenantId);
    return registry.domainGet(db, tenantId, domainId);
  });
}

export async function domainVerify(
  context: RequestContext,
  { tenantId, domainId }: DomainPlace,
  { reason }: DomainVerify,
  expectedVersion: number | undefined,
): Promise<DomainVerified> {
  await authorize(context, "domainVerify", tenantId);
  const before = await context.registry.read(async (db) => {
    await tenantGet(db, tenantId);
    return registry.domainGet(db, tenantId, domainId);
  });
  if (before.status === "removed") throw removed(before);
  refuseOtherVersion("domain", before, expectedVersion);
  // The answer is made of what the look has come to, which is more than its change gives back.
  const { keepAnswer: _afterwards, ...asker } = context;
  const look = await lookAtDomain(context, before, 0, {
    change: (work) => changeAs(asker, work),
    ...(reason !== undefined && { reason }),
  });
  if (look.domain.status !== "verified" || look.domain.failingSince !== null) throw notVerified(look);
  const waitsForRelease = await context.registry.read((db) => holdInTheWay(db, look.domain));
  return { ...look.domain, waitsForRelease };
}

/** A held plane routes only what the version that it is held at has. */
async function holdInTheWay(db: Reader, { planeName, domain }: Domain): Promise<RoutingHold | null> {
  const hold = holdOf(await headOf(db, planeName));
  if (hold === null) return null;
  const newest = await routingLatest(db, planeName);
  return newest?.routes.some(({ host }) => host === domain) === true ? null : hold;
}

export async function domainDelete(
  context: RequestContext,
  { tenantId, domainId }: DomainPlace,
  reason: string | undefined,
  expectedVersion: number | undefined,
): Promise<Domain> {
  await authorize(context, "domainDelete", tenantId);
  const { planeName } = await context.registry.read((db) => registry.domainGet(db, tenantId, domainId));
  const makings = await makingsOf(context, new Set([planeName]));
  const made: RoutingSnapshot[] = [];
  const gone = await changeAs(context, async (change) => {
    const before = await registry.domainGet(change.db, tenantId, domainId);
    if (before.status === "removed") return before;
    refuseOtherVersion("domain", before, expectedVersion);
    const after = await registry.domainSet(change, before, { status: "removed" }, "removed", {
      reason: reason ?? null,
    });
    if (before.status === "verified") made.push(...(await publishAll(change, makings, before.domain)));
    return after;
  });
  for (const snapshot of made) await putOrSay(context, snapshot);
  return gone;
}

function domainOf(given: string): string {
  const read = readDomainName(given);
  if ("domain" in read) return read.domain;
  throw refused(given, read.problem, read.hint);
}

function refused(given: string, problem: string, hint: string): ProblemError {
  return new ProblemError("domain_refused", {
    detail: `Cannot claim the domain: it ${problem}, got ${JSON.stringify(given)}.`,
    hint,
    errors: [{ path: "body.domain", message: problem, value: given }],
  });
}

/** Names under a plane's own domain are its tenants' subdomains: nobody claims another's. */
async function refusePlanes(db: Reader, domain: string): Promise<void> {
  for (const { outputs, name } of await planeAll(db)) {
    const own = outputs.domain;
    if (typeof own !== "string" || !isUnder(domain, own.toLowerCase())) continue;
    const hint = "Tenants answer under it by their slugs, without any claim.";
    throw refused(domain, `must not be under ${own}, which is the plane ${name}'s own`, hint);
  }
}

async function planeFor(db: Reader, tenantId: string, named: string | undefined): Promise<string> {
  const { status, planes, slug } = await tenantGet(db, tenantId);
  if (status === "deleted" || status === "decommissioning") {
    throw new ProblemError("illegal_transition", {
      detail: `Cannot claim a domain for ${slug}: the tenant must be there to stay, and is ${status}.`,
      hint: "Claim it for another tenant, or undo the decommissioning.",
    });
  }
  if (named !== undefined) return ownPlane(db, tenantId, named);
  const targets = await targetsOfTenant(db, tenantId);
  const [planeName, ...others] = new Set([...planes, ...targets.map((target) => target.planeName)]);
  if (planeName !== undefined && others.length === 0) return planeName;
  throw new ProblemError("target_missing", {
    detail: `Cannot tell where the domain is to be answered for: ${slug} must have one plane, and has ${others.length + (planeName === undefined ? 0 : 1)}.`,
    hint: "Name it with planeName.",
    errors: [{ path: "body.planeName", message: "is needed here" }],
  });
}

async function ownPlane(db: Reader, tenantId: string, named: string): Promise<string> {
  const { dedicatedTo, name } = await planeGet(db, named);
  if (dedicatedTo === null || dedicatedTo === tenantId) return name;
  throw new ProblemError("plane_not_dedicated", {
    detail: `Cannot answer for the domain at ${named}: the plane is another tenant's own.`,
    hint: "Name a plane that the tenant is on.",
    errors: [{ path: "body.planeName", message: "is another tenant's", value: named }],
  });
}

function notVerified({ domain, answer, takenBy }: Look): ProblemError {
  const { recordName, value } = domain.challenge;
  if (answer.kind === "error") {
    return new ProblemError("dns_unavailable", {
      detail: `Cannot verify ${domain.domain}: ${inWords(domain, answer)}.`,
      hint: "Try again in a minute; the service looks by itself too.",
    });
  }
  if (takenBy !== undefined) {
    return new ProblemError("domain_taken", {
      detail: `Cannot verify ${domain.domain}: another tenant has it verified, and that tenant's record is there too.`,
      hint: `Take the other TXT record at ${recordName} away, or have that tenant give the domain up.`,
    });
  }
  return new ProblemError("domain_not_verified", {
    detail: `Cannot verify ${domain.domain}: ${inWords(domain, answer)}.`,
    hint: `Make a TXT record at ${recordName} that says ${value}. It may take its time to be seen everywhere.`,
  });
}

function removed({ domain, domainId }: Domain): ProblemError {
  return new ProblemError("domain_not_found", {
    detail: `Cannot verify ${domain}: the claim ${domainId} was removed.`,
    hint: "Claim it again.",
  });
}
