/**
 * Tag keys of everything Tenantry creates. They are how a listing of the account finds a tenant's resources and
 * how a change is refused that would touch another tenant's (P5), so a key may be added but never renamed.
 */
export const TAG = {
  managed: "tenantry:managed",
  environment: "tenantry:environment",
  plane: "tenantry:plane",
  tenantId: "tenantry:tenant-id",
  slug: "tenantry:slug",
  plan: "tenantry:plan",
  release: "tenantry:release",
  specDigest: "tenantry:spec-digest",
  service: "tenantry:service",
  /** Which resource of its stack an object was made for. */
  resource: "tenantry:resource",
  dataClassification: "tenantry:data-classification",
  isolation: "tenantry:isolation",
  /** On a plane that is one tenant's alone. */
  dedicatedTo: "tenantry:dedicated-to",
} as const;

export type Tags = Readonly<Record<string, string>>;
