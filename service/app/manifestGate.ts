import { ProblemError } from "../../contract/errors.ts";
import type { Manifest, ManifestChange } from "../../contract/manifest.ts";
import type { OperationId } from "../../contract/routes.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { manifestFind } from "../../registry/manifest.ts";
import { tenantFindBySlug } from "../../registry/tenant.ts";
import { changesOf, createOf } from "../manifest/compare.ts";
import { directoryOf } from "../manifest/directory.ts";
import type { ParsedManifest } from "../manifest/parse.ts";
import { placeRefusal } from "../manifest/requirements.ts";
import type { PolicyFacts } from "../policy/facts.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";
import { noteRefusal } from "./securityEvents.ts";

/**
 * Who applies a manifest asks for what the reconcile loop will do to reach it: the record it writes and the step of the tenant's life it
 * leads to are decided on here, one by one, as if each had been asked for by its own operation. The loop is not asked again.
 */
export async function authorizeManifest(
  context: RequestContext,
  { manifest, file }: ParsedManifest,
  reason: string | undefined,
): Promise<void> {
  const { slug } = manifest.metadata;
  const { tenant, changes } = await context.registry.read(async (db) => {
    const found = await tenantFindBySlug(db, slug);
    const applied = found && (await manifestFind(db, found.tenantId));
    const directory = found && (await directoryOf(db, found.tenantId));
    return { tenant: found, changes: changesOf(manifest, found, applied, directory) };
  });
  if (changes.length === 0) return;
  const { plan, planVersion, isolation, regions, planes } = manifest.spec;
  const facts: PolicyFacts = { reason, plan, planVersion, isolation, regions: regions.allowed, planes };
  try {
    for (const { action, ...more } of actionsOf(manifest, tenant, changes)) {
      const newTenant = tenant === undefined ? { newTenant: createOf(manifest, "new") } : {};
      await authorize(context, action, tenant?.tenantId, { ...facts, ...newTenant, ...more });
    }
  } catch (thrown) {
    if (!(thrown instanceof ProblemError)) throw thrown;
    const where = file === null ? slug : `${file} (${slug})`;
    throw new ProblemError(thrown.code, { ...thrown.options, detail: `${where}: ${thrown.message}` });
  }
}

/**
 * That a manifest is not valid hides what it would have done. One that takes a tenant's region from it is recorded as the same
 * edit over the API is; the answer stays the list of what is wrong with the manifests.
 */
export async function noteCrossings(
  context: RequestContext,
  manifests: readonly ParsedManifest[],
): Promise<void> {
  for (const one of manifests) {
    const { tenant, refusal } = await context.registry.read(async (db) => {
      const found = await tenantFindBySlug(db, one.manifest.metadata.slug);
      return { tenant: found, refusal: found && (await placeRefusal(db, one, found)) };
    });
    if (tenant !== undefined) await noteRefusal(context, refusal, { tenantId: tenant.tenantId });
  }
}

interface Asked {
  readonly action: OperationId;
  readonly planes?: readonly string[];
}

/** The record last: its decision is the one that is put on the events of writing it. */
function actionsOf(
  { spec }: Manifest,
  tenant: Tenant | undefined,
  changes: readonly ManifestChange[],
): Asked[] {
  const action: OperationId = tenant === undefined ? "tenantCreate" : "tenantUpdate";
  return [...stepTo(spec, tenant), ...besideRecord(changes), { action }];
}

function besideRecord(changes: readonly ManifestChange[]): Asked[] {
  const touches = (field: string) => changes.some(({ path }) => `${path}.`.startsWith(`spec.${field}.`));
  return [
    ...(touches("contacts") ? [{ action: "contactUpdate" as const }] : []),
    ...(touches("externalIds") ? [{ action: "externalIdSet" as const }] : []),
  ];
}

/** Of a tenant that runs the new planes alone: what it runs elsewhere the loop changes when its window opens, and not before. */
function stepTo({ state, planes }: Manifest["spec"], tenant: Tenant | undefined): Asked[] {
  const status = tenant?.status ?? "draft";
  if (state === status) {
    const isNew = planes.filter((name) => tenant?.planes.includes(name) === false);
    return state === "active" && isNew.length > 0 ? [{ action: "tenantDeploy", planes: isNew }] : [];
  }
  if (state === "suspended") return [{ action: "tenantSuspend" }];
  if (state === "archived") return [{ action: "tenantArchive" }];
  if (state === "draft") return [];
  if (status === "draft") return [{ action: "tenantActivate" }];
  return [{ action: status === "archived" ? "tenantRestore" : "tenantReactivate" }];
}
