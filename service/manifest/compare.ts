import type { AppliedManifest, Manifest, ManifestChange, ManifestState } from "../../contract/manifest.ts";
import { MANIFEST_API_VERSION, MANIFEST_STATES } from "../../contract/manifest.ts";
import type { Tenant, TenantCreate } from "../../contract/tenant.ts";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { planBind } from "../../registry/planBinding.ts";
import type { Reader } from "../../registry/registry.ts";
import { type Directory, inOrder, NO_DIRECTORY } from "./directory.ts";
import { asWritten, forAnyTenant, forTenant } from "./ownId.ts";

/** A tenant's record and its manifest are two spellings of one thing; these are the translations. Pure. */

/** Undefined for a tenant on its way out, which no manifest can say. */
export function manifestOf(
  tenant: Tenant,
  applied: AppliedManifest | undefined,
  { contacts, externalIds }: Directory = NO_DIRECTORY,
): Manifest | undefined {
  const state = declaredState(tenant, applied);
  if (state === undefined) return undefined;
  const { slug, labels, displayName, plan, planes, isolation, primaryDomain } = tenant;
  const secretRefs = forAnyTenant(tenant.config.secretRefs, tenant.tenantId);
  const config = { settings: tenant.config.settings, secretRefs };
  const { regions, suspensionMode, dataClassification } = tenant;
  const isBound = tenant.managedBy === "manifest" && applied?.manifest.spec.planVersion !== undefined;
  const release = tenant.managedBy === "manifest" ? (applied?.manifest.spec.release ?? null) : null;
  return {
    apiVersion: MANIFEST_API_VERSION,
    kind: "Tenant",
    metadata: { slug, labels },
    spec: {
      ...(isBound ? { planVersion: tenant.planVersion } : {}),
      ...{ displayName, plan, state, planes, release, isolation, regions },
      ...{ suspensionMode, dataClassification, primaryDomain, config },
      ...(contacts.length === 0 ? {} : { contacts: [...contacts] }),
      ...(Object.keys(externalIds).length === 0 ? {} : { externalIds }),
    },
  };
}

/** What was declared last; after a forced edit, what was asked for by it. */
function declaredState(tenant: Tenant, applied: AppliedManifest | undefined): ManifestState | undefined {
  const asked = MANIFEST_STATES.find((state) => state === tenant.requestedStatus);
  if (asked === undefined || tenant.status === "decommissioning") return undefined;
  const isDeclared = tenant.managedBy === "manifest" && applied !== undefined && applied.heldAt === null;
  return isDeclared ? applied.manifest.spec.state : asked;
}

export function createOf({ metadata, spec }: Manifest, tenantId: string): TenantCreate {
  const { state: _state, release: _release, contacts: _people, externalIds: _ids, ...declared } = spec;
  const { planVersion, ...fields } = declared;
  const config = { ...spec.config, secretRefs: forTenant(spec.config.secretRefs, tenantId) };
  const bound = planVersion === undefined ? {} : { planVersion };
  return { ...fields, ...bound, config, slug: metadata.slug, labels: metadata.labels };
}

/** The record as the manifest says; what a manifest does not speak of stays. Throws unknown_plan. */
export async function recordOf(db: Reader, tenant: Tenant, manifest: Manifest): Promise<Tenant> {
  const binding = await planBind(db, tenant, manifest.spec);
  return { ...tenant, ...createOf(manifest, tenant.tenantId), ...binding, managedBy: "manifest" };
}

/** Field by field, in the manifest's order; empty when applying would write nothing. */
export function changesOf(
  manifest: Manifest,
  tenant: Tenant | undefined,
  applied: AppliedManifest | undefined,
  directory: Directory = NO_DIRECTORY,
): ManifestChange[] {
  const now = tenant === undefined ? undefined : manifestOf(tenant, applied);
  const before = tenant === undefined ? undefined : asDeclared(manifest, tenant, now, directory);
  const { contacts } = manifest.spec;
  const wanted = contacts === undefined ? manifest.spec : { ...manifest.spec, contacts: inOrder(contacts) };
  const fields = [
    ...fieldChanges(before?.metadata, manifest.metadata, "metadata"),
    ...fieldChanges(before?.spec, wanted, "spec"),
  ];
  if (tenant === undefined) return fields.filter(({ to }) => to !== null);
  if (tenant.managedBy !== "manifest")
    fields.push({ path: "managedBy", from: tenant.managedBy, to: "manifest" });
  if (applied !== undefined && applied.heldAt !== null) {
    fields.push({ path: "heldReason", from: applied.heldReason, to: null });
  }
  return fields;
}

/** What the manifest names is compared with what the tenant has; what it may leave out is no change when it does. */
function asDeclared(
  { spec: { planVersion, contacts, externalIds } }: Manifest,
  tenant: Tenant,
  before: Manifest | undefined,
  directory: Directory,
): Manifest | undefined {
  if (before === undefined) return undefined;
  const { planVersion: _declared, ...spec } = before.spec;
  return {
    ...before,
    spec: {
      ...spec,
      ...(planVersion === undefined ? {} : { planVersion: tenant.planVersion }),
      ...(contacts === undefined ? {} : { contacts: [...directory.contacts] }),
      ...(externalIds === undefined ? {} : { externalIds: directory.externalIds }),
    },
  };
}

function fieldChanges(before: object | undefined, after: object, path: string): ManifestChange[] {
  const old = (before ?? {}) as Record<string, unknown>;
  return names(old, after).flatMap((name) => {
    const from = old[name];
    const to = (after as Record<string, unknown>)[name];
    if (canonicalJson(from ?? null) === canonicalJson(to ?? null)) return [];
    const at = `${path}.${name}`;
    if (isRecord(to) && (from === undefined || isRecord(from))) return fieldChanges(from, to, at);
    return [
      { path: at, ...(from === undefined ? {} : { from: asWritten(from) }), to: asWritten(to ?? null) },
    ];
  });
}

function names(before: object, after: object): string[] {
  return [...new Set([...Object.keys(after), ...Object.keys(before)])];
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
