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

export function planeName(environment: string, region: string): string {
  return `${environment}-${region}`;
}
