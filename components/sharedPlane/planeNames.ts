/**
 * Names of a plane's own resources. They carry the plane's name, and the account where AWS has one name for the
 * world, so that planes share an account without meeting. What AWS may have to replace while it is in use (load
 * balancer, target group, certificate, parameter group) is named by Pulumi instead.
 */
export interface PlaneNames {
  readonly name: string;
  readonly namespaceName: string;
  readonly dataBucketName: string;
  readonly snapshotBucketName: string;
  readonly archiveBucketName: string;
  readonly keyAlias: string;
  /** IAM path of the plane's own roles and policies. */
  readonly rolePath: string;
  /** IAM path of the tenants' roles: what the controller may create. */
  readonly tenantRolePath: string;
  readonly boundaryName: string;
  readonly controllerRoleName: string;
  readonly automationRoleName: string;
  readonly routerRoleName: string;
  readonly routerExecutionRoleName: string;
  readonly routerLogGroupName: string;
  readonly finalSnapshotName: string;
}

export function planeNames(planeName: string, accountId: string): PlaneNames {
  const name = `tenantry-${planeName}`;
  const rolePath = `/tenantry/${planeName}/`;
  return {
    name,
    namespaceName: `${planeName}.tenantry.internal`,
    dataBucketName: `${name}-${accountId}-data`,
    snapshotBucketName: `${name}-${accountId}-snapshots`,
    archiveBucketName: `${name}-${accountId}-archive`,
    keyAlias: `alias/${name}`,
    rolePath,
    tenantRolePath: `${rolePath}tenants/`,
    boundaryName: `${name}-tenant-boundary`,
    controllerRoleName: `${name}-controller`,
    automationRoleName: `${name}-automation`,
    routerRoleName: `${name}-router`,
    routerExecutionRoleName: `${name}-router-execution`,
    routerLogGroupName: `/tenantry/${planeName}/plane/router`,
    finalSnapshotName: `${name}-final`,
  };
}
