import { randomUUID } from "node:crypto";
import type { Page, PageRequest } from "../../contract/common.ts";
import { type FieldError, ProblemError } from "../../contract/errors.ts";
import type {
  ManifestApplyQuery,
  ManifestBody,
  ManifestResult,
  ManifestResults,
} from "../../contract/manifest.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { TenantManager } from "../../contract/vocabulary.ts";
import { manifestFind, manifestForget, manifestKeep, manifestsOf } from "../../registry/manifest.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import { tenantCreate, tenantFindBySlug, tenantWrite } from "../../registry/tenant.ts";
import { tenantList } from "../../registry/tenantList.ts";
import { changesOf, createOf, manifestOf, recordOf } from "../manifest/compare.ts";
import { directoriesOf, directoryOf, directoryWrite, withoutPeople } from "../manifest/directory.ts";
import { type ParsedManifest, parseManifests, refuseProblems } from "../manifest/parse.ts";
import { problemsWith } from "../manifest/requirements.ts";
import { writeManifest } from "../manifest/write.ts";
import { nextSteps } from "../reconcile/preview.ts";
import { authorize, authorizeRecord } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";
import { withinOfManifest } from "./environmentScope.ts";
import { authorizeManifest, noteCrossings } from "./manifestGate.ts";

/** Tenants as text: compare, apply, export. What brings targets to what was applied is service/reconcile/. */

/**
 * All manifests are checked before the first is written, and each tenant is one change. Cut off half-way, the same request again
 * writes what is left; so the answer is kept for the Idempotency-Key as a whole, not with each change.
 */
export async function manifestApply(
  context: RequestContext,
  body: ManifestBody,
  query: ManifestApplyQuery,
): Promise<ManifestResults> {
  await authorize(context, "manifestApply");
  const manifests = await parseManifests(body);
  const problems = await problemsOf(context, manifests);
  if (problems.length > 0 && !query.dryRun) await noteCrossings(context, manifests);
  refuseProblems(problems);
  if (query.dryRun) return { dryRun: true, tenants: await resultsOf(context, manifests) };
  const { keepAnswer: _kept, ...each } = context;
  const asked = manifests.map((one) => {
    const asker: RequestContext = { ...each, decision: {}, ...withinOfManifest(context, one) };
    return { one, context: asker };
  });
  for (const { one, context: asker } of asked) await authorizeManifest(asker, one, query.reason);
  const tenants: ManifestResult[] = [];
  for (const { one, context: asker } of asked) {
    const { result, tenant } = await changeAs(asker, (change) => applyOne(change, one, query.reason));
    tenants.push({ ...result, operations: await nextSteps(context, tenant, one.manifest) });
  }
  context.nudges.nudge("reconcile");
  return { dryRun: false, tenants };
}

export async function manifestDiff(context: RequestContext, body: ManifestBody): Promise<ManifestResults> {
  await authorize(context, "manifestDiff");
  const manifests = await parseManifests(body);
  refuseProblems(await problemsOf(context, manifests));
  return { dryRun: true, tenants: await resultsOf(context, manifests) };
}

export async function manifestExport(context: RequestContext, slug: string): Promise<string> {
  await authorizeRecord(context, "manifestExport", ofSlug(slug));
  const { tenant, applied, directory } = await context.registry.read(async (db) => {
    const found = await tenantOf(db, slug);
    return { ...found, directory: await directoryOf(db, found.tenant.tenantId) };
  });
  const manifest = manifestOf(tenant, applied, directory);
  if (manifest !== undefined) return writeManifest(manifest);
  throw new ProblemError("illegal_transition", {
    detail: `Cannot export ${slug}: it is ${tenant.status}, which no manifest can say.`,
    hint: "Read the record with GET /v1/control-plane/tenants/<id>.",
    errors: [{ path: "tenant.status", message: "is no state of a manifest", value: tenant.status }],
  });
}

export async function manifestList(
  context: RequestContext,
  page: PageRequest,
): Promise<Page<{ slug: string; managedBy: TenantManager; text: string }>> {
  await authorize(context, "manifestList");
  return context.registry.read(async (db) => {
    const { items, nextCursor } = await tenantList(db, page);
    const tenantIds = items.map(({ tenantId }) => tenantId);
    const applied = await manifestsOf(db, tenantIds);
    const directories = await directoriesOf(db, tenantIds);
    const written = items.flatMap((tenant) => {
      const { slug, managedBy, tenantId } = tenant;
      const manifest = manifestOf(tenant, applied.get(tenantId), directories.get(tenantId));
      return manifest === undefined ? [] : [{ slug, managedBy, text: writeManifest(manifest) }];
    });
    return { items: written, nextCursor };
  });
}

export async function manifestRelease(
  context: RequestContext,
  slug: string,
  reason: string,
): Promise<Tenant> {
  await authorizeRecord(context, "manifestRelease", ofSlug(slug));
  return changeAs(context, async (change) => {
    const { tenant } = await tenantOf(change.db, slug);
    if (tenant.managedBy === "manifest") return manifestForget(change, tenant, reason);
    throw new ProblemError("illegal_transition", {
      detail: `Cannot release ${slug}: it must be managed by a manifest, and is managed over the API.`,
      hint: "Nothing needs to be done: its record takes changes as it is.",
      errors: [{ path: "tenant.managedBy", message: "is not manifest", value: tenant.managedBy }],
    });
  });
}

function ofSlug(slug: string) {
  return async (db: Reader) => (await tenantOf(db, slug)).tenant;
}

async function applyOne(
  change: Change,
  parsed: ParsedManifest,
  reason: string | undefined,
): Promise<{ result: ManifestResult; tenant: Tenant }> {
  const { manifest, digest, file } = parsed;
  const before = await tenantFindBySlug(change.db, manifest.metadata.slug);
  const applied = before && (await manifestFind(change.db, before.tenantId));
  // Once more, now that nobody else can write: what was checked before may have changed since.
  refuseProblems(await problemsWith(change.db, parsed));
  const directory = before && (await directoryOf(change.db, before.tenantId));
  const result = resultOf(parsed, before, changesOf(manifest, before, applied, directory));
  const isSame = result.result === "none" && applied?.digest === digest;
  const newId = randomUUID();
  const tenant =
    before === undefined
      ? await tenantCreate(change, createOf(manifest, newId), { managedBy: "manifest", tenantId: newId })
      : await tenantWrite(
          change,
          before,
          await recordOf(change.db, before, manifest),
          "tenant.updated",
          reason,
        );
  await directoryWrite(change, tenant.tenantId, manifest, reason);
  if (!isSame)
    await manifestKeep(change, tenant, { manifest: withoutPeople(manifest), digest, file, reason });
  const { tenantId, recordVersion } = tenant;
  return { result: { ...result, tenantId, recordVersion }, tenant };
}

async function problemsOf(
  { registry }: RequestContext,
  manifests: readonly ParsedManifest[],
): Promise<FieldError[]> {
  const problems: FieldError[] = [];
  for (const one of manifests) problems.push(...(await registry.read((db) => problemsWith(db, one))));
  return problems;
}

async function resultsOf(
  context: RequestContext,
  manifests: readonly ParsedManifest[],
): Promise<ManifestResult[]> {
  const results: ManifestResult[] = [];
  for (const one of manifests) {
    const { tenant, changes } = await context.registry.read(async (db) => {
      const found = await tenantFindBySlug(db, one.manifest.metadata.slug);
      const applied = found && (await manifestFind(db, found.tenantId));
      const directory = found && (await directoryOf(db, found.tenantId));
      return { tenant: found, changes: changesOf(one.manifest, found, applied, directory) };
    });
    const result = resultOf(one, tenant, changes);
    results.push({ ...result, operations: await nextSteps(context, tenant, one.manifest) });
  }
  return results;
}

function resultOf(
  { manifest, file, line, digest }: ParsedManifest,
  tenant: Tenant | undefined,
  changes: ManifestResult["changes"],
): ManifestResult {
  const changed = changes.length > 0 ? ("change" as const) : ("none" as const);
  return {
    ...{ slug: manifest.metadata.slug, tenantId: tenant?.tenantId ?? null, file, line },
    result: tenant === undefined ? "create" : changed,
    ...{ changes, operations: [], digest, recordVersion: tenant?.recordVersion ?? null },
  };
}

async function tenantOf(db: Reader, slug: string) {
  const tenant = await tenantFindBySlug(db, slug);
  if (tenant !== undefined) return { tenant, applied: await manifestFind(db, tenant.tenantId) };
  throw new ProblemError("tenant_not_found", {
    detail: `Cannot find a tenant with the slug ${slug}.`,
    hint: "List tenants with GET /v1/control-plane/tenants?slugPrefix=….",
    errors: [{ path: "path.slug", message: "is no tenant's slug", value: slug }],
  });
}
