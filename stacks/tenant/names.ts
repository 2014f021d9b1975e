/**
 * A tenant's Pulumi project and stack. One project per tenant keeps the state backend's cost per operation flat;
 * the id and not the slug, because a slug can be used again and an id cannot.
 */
export interface StackIdentity {
  readonly project: string;
  readonly stack: string;
}

export function projectName(tenantId: string): string {
  return `tenant-${tenantId}`;
}

/** `<plane>-<generation>`, such as `dev-eu-west-1-1`. */
export function stackName(planeName: string, generation: number): string {
  return `${planeName}-${generation}`;
}

/**
 * `<environment>-<region>`; with the first digits of the tenant's id behind it when the plane is that tenant's alone, so
 * that it can stand beside the region's plane for all. AWS's names leave room for no more than these eight.
 */
export function planeName(environment: string, region: string, dedicatedTo?: string): string {
  const own = dedicatedTo === undefined ? "" : `-${dedicatedTo.slice(0, OWNER_DIGITS)}`;
  return `${environment}-${region}${own}`;
}

const OWNER_DIGITS = 8;
