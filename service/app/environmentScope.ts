import { ProblemError } from "../../contract/errors.ts";
import type { Manifest, ManifestBody } from "../../contract/manifest.ts";
import type { RolloutChange } from "../../contract/rolloutChange.ts";
import { isMutation, type Route } from "../../contract/route.ts";
import { type OperationId, routes } from "../../contract/routes.ts";
import { ENVIRONMENTS, type EnvironmentName } from "../../contract/vocabulary.ts";
import { apiKeyGet } from "../../registry/apiKey.ts";
import { driftIgnoreGet } from "../../registry/driftIgnore.ts";
import { limitOverrideGet } from "../../registry/limitOverride.ts";
import { operationGet } from "../../registry/operation.ts";
import { pinGet } from "../../registry/pin.ts";
import type { Reader } from "../../registry/registry.ts";
import { rolloutGet } from "../../registry/rollout.ts";
import { environmentsOfTenantsOn } from "../../registry/rolloutPlace.ts";
import { targetFind, targetsOfTenant } from "../../registry/target.ts";
import { tenantFind, tenantFindBySlug, tenantVersionGet } from "../../registry/tenant.ts";
import { windowGet } from "../../registry/window.ts";
import { type ParsedManifest, parseManifests } from "../manifest/parse.ts";
import { isOnTenant } from "../policy/actions.ts";
import { isOfTenant } from "../rollout/drive/record.ts";
import { recordDenial } from "./authorize.ts";
import type { RequestContext } from "./context.ts";
import { Overtaken } from "./overtaken.ts";

/**
 * A key may be for some environments: it reads the whole fleet and changes something only there. What a request reaches is told
 * by what it names: planes, a tenant (all environments the tenant is in, since its record is shared by them), a rollout, an
 * operation. What names nothing reaches everything, and so is refused to such a key, as is every action nobody has thought
 * of here. It is asked at the door, once the request is known to be well-formed, and again inside each change of the request, where
 * nobody can put a tenant on another environment's plane any more.
 */
export interface Said {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

type Fields = Readonly<Record<string, unknown>>;
type Reach = readonly EnvironmentName[];
type Reacher = (db: Reader, said: { readonly params: Fields; readonly body: Fields }) => Promise<Reach>;

const everything: Reach = ENVIRONMENTS;

/** How an action is held to a key's environments, for the matrix in docs/authorization.md. */
export type ScopeRule = "read" | "no environment" | "by what it names" | "all environments";

/** They change nothing in any environment: a release deploys nothing, a preflight only looks. */
const WITHOUT: ReadonlySet<OperationId> = new Set(["releaseCreate", "tenantPreflight"]);

/** These act on the planes they name alone, if they name some; all others on a tenant are about the whole tenant. */
const BY_PLANES: ReadonlySet<OperationId> = new Set([
  "tenantActivate",
  "tenantDeploy",
  "tenantRotateCredentials",
]);

const REACHERS: Readonly<Partial<Record<OperationId, Reacher>>> = {
  tenantCreate: async (_db, { body }) => ofPlanes(body.planes),
  tenantUpdate: async (db, { params, body }) =>
    union([await ofTenant(db, params.tenantId), ofPlanes(body.planes)]),
  tenantReconfigure: async (db, { params, body }) =>
    union([await ofTenant(db, params.tenantId), ofPlanes((body.change as Fields | undefined)?.planes)]),
  tenantVersionRestore: async (db, { params }) => {
    const { tenant } = await tenantVersionGet(db, params.tenantId as string, Number(params.recordVersion));
    return union([await ofTenant(db, params.tenantId), ofPlanes(tenant.planes)]);
  },
  planeRecord: async (_db, { body }) => [body.environment as EnvironmentName],
  domainCreate: async (db, { params, body }) =>
    union([
      await ofTenant(db, params.tenantId),
      typeof body.planeName === "string" ? ofPlanes([body.planeName]) : [],
    ]),
  pinCreate: async (db, { body }) => placeOr(body.planeName, () => ofTenant(db, body.tenantId)),
  pinRelease: async (db, { params }) => {
    const pin = await pinGet(db, params.pinId as string, new Date().toISOString());
    const target = pin.targetId === null ? undefined : await targetFind(db, pin.targetId);
    return placeOr(target?.planeName, () => ofTenant(db, pin.tenantId));
  },
  windowCreate: async (db, { body }) => placeOr(body.planeName, () => ofTenant(db, body.tenantId)),
  windowDelete: async (db, { params }) => {
    const { planeName, tenantId } = await windowGet(db, params.windowId as string);
    return placeOr(planeName, () => ofTenant(db, tenantId));
  },
  limitOverrideCreate: (db, { body }) => ofTenant(db, body.tenantId),
  limitOverrideEnd: async (db, { params }) => {
    const now = new Date().toISOString();
    return ofTenant(db, (await limitOverrideGet(db, params.overrideId as string, now)).tenantId);
  },
  // `plane/<name>`; a region's has planes of every environment.
  breakerReset: async (_db, { params }) => ofPlanes([String(params.scope).replace(/^plane\//, "")]),
  rolloutCreate: async (db, { body }) => {
    const scope = body.scope as Fields | undefined;
    return ofRollout(db, body.change as RolloutChange, await ofCohort(db, scope), scope?.planes);
  },
  driftScanCreate: (db, { body }) => ofCohort(db, body),
  driftRepairCreate: (db, { body }) => ofCohort(db, body),
  driftIgnoreCreate: (db, { body }) => ofCohort(db, body.scope as Fields | undefined),
  driftIgnoreEnd: async (db, { params }) =>
    ofCohort(db, (await driftIgnoreGet(db, params.ignoreId as string)).scope),
  driftScheduleCreate: (db, { body }) => ofCohort(db, body.scope as Fields | undefined),
  manifestApply: (db, { body }) => ofManifests(db, body as unknown as ManifestBody),
  manifestRelease: async (db, { params }) => {
    const tenant = await tenantFindBySlug(db, params.slug as string);
    return ofTenant(db, tenant?.tenantId);
  },
  apiKeyCreate: async (_db, { body }) => (body.environments as Reach | null) ?? everything,
  apiKeyRotate: (db, { params }) => ofKey(db, params.keyId),
  apiKeyRevoke: (db, { params }) => ofKey(db, params.keyId),
};

type Within = Pick<RequestContext, "withinEnvironments">;

/** Refuses a mutation outside of the key's environments; on the request's way in, after the role. What it gives asks again in a change. */
export async function refuseEnvironment(
  context: RequestContext,
  action: OperationId,
  { params, body }: Said,
): Promise<Within> {
  const held = context.principal.environments ?? null;
  if (held === null || scopeRuleOf(action, routes[action]) === "read" || WITHOUT.has(action)) return {};
  const said = { params: (params ?? {}) as Fields, body: (body ?? {}) as Fields };
  const { tenantId } = said.params;
  const asked = { action, held, tenantId: typeof tenantId === "string" ? tenantId : undefined };
  const reaching = (db: Reader) => reachOf(db, action, said);
  const reach = await context.registry.read(reaching);
  if (isOutside(reach, held)) {
    context.metrics.denials.inc({ reason: "environment" });
    await recordDenial(context, action, asked.tenantId, { reaches: reach, held });
    throw refusalOf(context, asked, reach);
  }
  return within(context, asked, reaching);
}

/** For the change that writes one of several manifests: what that one reaches. */
export function withinOfManifest(context: RequestContext, { manifest }: ParsedManifest): Within {
  const held = context.principal.environments ?? null;
  if (held === null) return {};
  const asked = { action: "manifestApply" as const, held, tenantId: undefined };
  return within(context, asked, (db) => ofManifest(db, manifest));
}

interface Asked {
  readonly action: OperationId;
  readonly held: Reach;
  /** On whose chain a refusal is recorded. */
  readonly tenantId: string | undefined;
}

function within(context: RequestContext, asked: Asked, reaching: (db: Reader) => Promise<Reach>): Within {
  return {
    async withinEnvironments({ db }) {
      const { action, held, tenantId } = asked;
      const reaches = await reaching(db);
      if (!isOutside(reaches, held)) return;
      const denial = { action, tenantId, counted: "environment", details: { reaches, held } } as const;
      throw new Overtaken([denial], refusalOf(context, asked, reaches));
    },
  };
}

export function isOutside(reach: Reach, held: Reach): boolean {
  return reach.some((environment) => !held.includes(environment));
}

function refusalOf({ principal }: RequestContext, { action, held }: Asked, reach: Reach): ProblemError {
  const reaches = `it reaches ${reach.join(", ")}`;
  return new ProblemError("forbidden", {
    detail: `Cannot do ${action}: ${reaches}, and the key ${principal.name} is for ${held.join(", ")} alone.`,
    hint: hintFor(action, held),
  });
}

function hintFor(action: OperationId, held: Reach): string {
  const named = BY_PLANES.has(action) || REACHERS[action] !== undefined;
  const other = "Use a key that is for all of them, or ask an admin to make one.";
  return named ? `Name planes of ${held.join(", ")}. ${other}` : other;
}

async function reachOf(
  db: Reader,
  action: OperationId,
  said: { readonly params: Fields; readonly body: Fields },
): Promise<Reach> {
  const { params, body } = said;
  const reacher = REACHERS[action];
  if (reacher !== undefined) return reacher(db, said);
  if (BY_PLANES.has(action) && isNamed(body.planes)) return ofPlanes(body.planes);
  if (params.tenantId !== undefined) return ofTenant(db, params.tenantId);
  if (params.planeName !== undefined) return ofPlanes([params.planeName]);
  if (params.rolloutId !== undefined) {
    const { planes, change } = await rolloutGet(db, params.rolloutId as string);
    return ofRollout(db, change, ofPlanes(planes), planes);
  }
  if (params.operationId !== undefined) {
    const { planeName, tenantId } = await operationGet(db, params.operationId as string);
    return placeOr(planeName, () => ofTenant(db, tenantId));
  }
  return everything;
}

/** What can be said beforehand: of requests that are about a tenant, or about all there is. Null where it hangs on more. */
export async function reachOfAsked(
  db: Reader,
  action: OperationId,
  { tenantId, planes, recordVersion }: Asking,
): Promise<Reach | null> {
  const rule = scopeRuleOf(action, routes[action]);
  if (rule === "read" || rule === "no environment") return [];
  if (rule === "all environments") return everything;
  if (!isOnTenant(action) || (tenantId === undefined && action !== "tenantCreate")) return null;
  if (action === "tenantVersionRestore" && recordVersion === undefined) return await ofTenant(db, tenantId);
  return await reachOf(db, action, {
    params: { tenantId, recordVersion },
    body: { planes, change: { planes } },
  });
}

export interface Asking {
  readonly tenantId: string | undefined;
  readonly planes: readonly string[] | undefined;
  readonly recordVersion: number | undefined;
}

/** What a reader of the matrix is told; total over the contract. */
export function scopeRuleOf(action: OperationId, route: Route): ScopeRule {
  // A POST that an auditor may send changes nothing.
  if (!isMutation(route) || route.role === null || route.role === "auditor") return "read";
  if (WITHOUT.has(action)) return "no environment";
  const named = /:(tenantId|planeName|rolloutId|operationId)\b/.test(route.path);
  return named || REACHERS[action] !== undefined ? "by what it names" : "all environments";
}

function isNamed(planes: unknown): planes is unknown[] {
  return Array.isArray(planes) && planes.length > 0;
}

/** The environment is the first part of a plane's name; what is no plane's name reaches everything. */
function ofPlanes(planes: unknown): Reach {
  if (!isNamed(planes)) return [];
  return union(
    planes.map((name) => {
      const environment = ENVIRONMENTS.find((one) => String(name).startsWith(`${one}-`));
      return environment === undefined ? everything : [environment];
    }),
  );
}

async function placeOr(planeName: unknown, otherwise: () => Promise<Reach>): Promise<Reach> {
  return typeof planeName === "string" ? ofPlanes([planeName]) : otherwise();
}

/** Where it is wanted and where something of it still is. One that is not there reaches nothing: it will be a 404. */
async function ofTenant(db: Reader, tenantId: unknown): Promise<Reach> {
  if (typeof tenantId !== "string") return everything;
  const tenant = await tenantFind(db, tenantId);
  if (tenant === undefined) return [];
  const targets = await targetsOfTenant(db, tenantId);
  return union([ofPlanes(tenant.planes), targets.map(({ environment }) => environment)]);
}

async function ofCohort(db: Reader, cohort: Fields | undefined): Promise<Reach> {
  const { planes, tenantIds } = cohort ?? {};
  if (isNamed(planes)) return ofPlanes(planes);
  if (!isNamed(tenantIds)) return everything;
  return union(await Promise.all(tenantIds.map((tenantId) => ofTenant(db, tenantId))));
}

/** Of a rollout. One that writes to tenants' records or flags changes what all environments of a tenant share. */
async function ofRollout(db: Reader, what: RolloutChange, reach: Reach, planes: unknown): Promise<Reach> {
  if (!isOfTenant(what) || !isNamed(planes)) return reach;
  return union([reach, await environmentsOfTenantsOn(db, planes.map(String))]);
}

async function ofManifests(db: Reader, body: ManifestBody): Promise<Reach> {
  const manifests = await parseManifests(body);
  return union(await Promise.all(manifests.map(({ manifest }) => ofManifest(db, manifest))));
}

async function ofManifest(db: Reader, { metadata, spec }: Manifest): Promise<Reach> {
  const tenant = await tenantFindBySlug(db, metadata.slug);
  const now = tenant === undefined ? [] : await ofTenant(db, tenant.tenantId);
  const reach = union([now, ofPlanes(spec.planes)]);
  // One that is to run and names no plane is given one, which may be of any environment.
  return reach.length === 0 && spec.state !== "draft" ? everything : reach;
}

async function ofKey(db: Reader, keyId: unknown): Promise<Reach> {
  return (await apiKeyGet(db, keyId as string)).environments ?? everything;
}

function union(reaches: readonly Reach[]): Reach {
  return ENVIRONMENTS.filter((environment) => reaches.some((reach) => reach.includes(environment)));
}
