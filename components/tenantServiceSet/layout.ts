import { shortHash } from "../shortHash.ts";
import { SERVICE_NAMES, SERVICE_SHAPES, type ServiceName } from "./services.ts";

/**
 * Every physical name of one target, computed from who it is and nothing else.
 *
 * Names come from the tenant's id, never from its slug: a slug may change hands, an id cannot. All carry a key made
 * of the environment, eight digits of the id, 60 bits of hash over plane, id and generation, and the generation
 * itself, so that two generations of a tenant can run side by side and no two targets can meet, however their ids and
 * slugs look. What is the tenant's own data (S3 prefix, secret path) carries the tenant alone: its generations share
 * it, its plane separates it.
 */
export interface TargetIdentity {
  /** Lower-case UUID. */
  readonly tenantId: string;
  /** DNS label. */
  readonly slug: string;
  readonly environment: string;
  readonly planeName: string;
  readonly generation: number;
  /** The plane's public domain. */
  readonly domain: string;
  /** The plane's private DNS namespace. */
  readonly namespaceName: string;
}

export interface ServiceNames {
  /** ECS service and task definition family. */
  readonly serviceName: string;
  readonly roleName: string;
  readonly logGroupName: string;
  /** Ends in a slash; everything below belongs to this service of this tenant. */
  readonly secretPath: string;
  readonly secretName: string;
  /** Cloud Map name inside the plane's namespace; absent for services without HTTP. */
  readonly discoveryName: string | undefined;
  /** Of the target group behind a load balancer of the tenant's own. */
  readonly targetGroupName: string;
}

export interface TenantLayout {
  readonly key: string;
  readonly securityGroupName: string;
  readonly executionRoleName: string;
  readonly queueName: string;
  readonly deadLetterQueueName: string;
  /** `/<plane>/<tenant>/`-like prefix of all log groups. */
  readonly logGroupPrefix: string;
  /** `/<environment>/tenants/<tenant>/`. */
  readonly secretPrefix: string;
  /** `tenants/<tenant>/` in the plane's data bucket. */
  readonly storagePrefix: string;
  readonly publicName: string;
  /** `<service>.<routingTarget>` is the private name of an HTTP service. */
  readonly routingTarget: string;
  readonly services: Readonly<Record<ServiceName, ServiceNames>>;
  readonly own: OwnNames;
}

/** Names of what only a tenant in hybrid or dedicated placement has. */
export interface OwnNames {
  readonly clusterName: string;
  readonly bucketName: string;
  readonly keyAlias: string;
  readonly databaseIdentifier: string;
  readonly databaseGroupName: string;
  readonly entryGroupName: string;
  readonly loadBalancerName: string;
  /** Of the private DNS namespace in a network of the tenant's own. */
  readonly namespaceName: string;
}

const TENANT_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const DNS_NAME_MAX = 253;

/** Throws when an identity cannot be named within AWS's limits; a name is never cut. */
export function tenantLayout(identity: TargetIdentity): TenantLayout {
  check("tenantId", identity.tenantId, TENANT_ID, "a lower-case UUID");
  check("slug", identity.slug, DNS_LABEL, "a DNS label");
  const { tenantId, environment, planeName, generation } = identity;
  const hash = shortHash(planeName, tenantId, String(generation));
  const prefix = keyPrefix(environment);
  const key = `${prefix}${tenantId.slice(0, 8)}-${hash}-g${generation}`;
  // The whole id, so that the boundary can tell the key's use for one queue from another's by a role's tags.
  const queueName = `${prefix}${tenantId}-${hash}-g${generation}-work`;
  const logGroupPrefix = `/tenantry/${planeName}/${tenantId}/`;
  const secretPrefix = `/${environment}/tenants/${tenantId}/`;
  const services = SERVICE_NAMES.map((service): [ServiceName, ServiceNames] => [
    service,
    {
      serviceName: `${key}-${service}`,
      roleName: `${key}-${service}`,
      logGroupName: `${logGroupPrefix}g${generation}/${service}`,
      secretPath: `${secretPrefix}${service}/`,
      secretName: `${secretPrefix}${service}/g${generation}/credentials`,
      discoveryName: SERVICE_SHAPES[service].http ? `${service}.${key}` : undefined,
      targetGroupName: `tn-${shortHash(key, service)}`,
    },
  ]);
  return {
    key,
    securityGroupName: key,
    executionRoleName: `${key}-execution`,
    queueName,
    deadLetterQueueName: `${queueName}-dead`,
    logGroupPrefix,
    secretPrefix,
    storagePrefix: storagePrefix(tenantId),
    publicName: publicName(identity),
    routingTarget: `${key}.${identity.namespaceName}`,
    services: Object.fromEntries(services) as Record<ServiceName, ServiceNames>,
    own: ownNames(identity, key, hash),
  };
}

function ownNames(identity: TargetIdentity, key: string, hash: string): OwnNames {
  const prefix = keyPrefix(identity.environment);
  return {
    clusterName: key,
    // The whole id, as in a queue's name: the boundary reads the owner from it. The hash tells generations apart.
    bucketName: `${prefix}${identity.tenantId}-${hash}`,
    keyAlias: `alias/${key}`,
    databaseIdentifier: key,
    databaseGroupName: `${key}-database`,
    entryGroupName: `${key}-entry`,
    // A load balancer's name has 32 characters at most: no room for the generation, which is in the hash.
    loadBalancerName: `${prefix}${identity.tenantId.slice(0, 8)}-${hash}`,
    namespaceName: `${key}.${identity.namespaceName}`,
  };
}

/** What all keys of an environment begin with, for policies that name an environment's resources at large. */
export function keyPrefix(environment: string): string {
  return `tn-${environment}-`;
}

export function storagePrefix(tenantId: string): string {
  return `tenants/${tenantId}/`;
}

function publicName({ slug, domain }: TargetIdentity): string {
  const name = `${slug}.${domain}`;
  if (name.length > DNS_NAME_MAX) {
    throw new Error(
      `Cannot name the tenant's host: a DNS name must have at most ${DNS_NAME_MAX} characters, got ${name.length}. ` +
        "Give the plane a shorter domain.",
    );
  }
  return name;
}

function check(what: string, value: string, pattern: RegExp, meaning: string): void {
  if (!pattern.test(value)) {
    throw new Error(
      `Cannot name the tenant's resources: ${what} must be ${meaning}, got ${JSON.stringify(value)}`,
    );
  }
}
