/**
 * How much of its own a tenant has. One value says it part by part; the spec freezes it, the component builds by it, and
 * whoever needs the effective bucket or database asks it instead of the tenant's level.
 *
 * Every tenant has its own roles, secrets, queues, log groups and security group in every mode. `hybrid` shares control
 * (cluster, network, entry) and owns data; `dedicated` owns both; `account` is a plane that nobody else is on, so that
 * there is nobody to share with.
 */
export const ISOLATION_LEVELS = ["pooled", "hybrid", "dedicated", "account"] as const;
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

export const OWNERSHIPS = ["shared", "own"] as const;
export type Ownership = (typeof OWNERSHIPS)[number];

/** `subnets` are the tenant's own in the plane's VPC; `vpc` is a network of its own. */
export const NETWORKS = ["shared", "subnets", "vpc"] as const;
export type NetworkIsolation = (typeof NETWORKS)[number];

export interface Isolation {
  readonly level: IsolationLevel;
  readonly cluster: Ownership;
  /** Never shared: a queue belongs to one tenant in every mode. */
  readonly queues: "own";
  readonly bucket: Ownership;
  readonly database: Ownership;
  readonly key: Ownership;
  readonly network: NetworkIsolation;
  /** Addresses of the tenant's own network or subnets; null where the network is shared. */
  readonly cidrBlock: string | null;
  readonly loadBalancer: Ownership;
}

/** A dedicated VPC is joined to no other, so all of them have the same addresses. */
export const OWN_VPC_CIDR = "10.64.0.0/20";

/** Where a dedicated tenant runs: a network of its own, or a block of the plane's addresses. */
export type DedicatedNetwork =
  | { readonly network: "vpc" }
  | { readonly network: "subnets"; readonly cidrBlock: string };

export function isolationOf(
  level: IsolationLevel,
  dedicated: DedicatedNetwork = { network: "vpc" },
): Isolation {
  const shared = {
    level,
    cluster: "shared",
    queues: "own",
    bucket: "shared",
    database: "shared",
    key: "shared",
    network: "shared",
    cidrBlock: null,
    loadBalancer: "shared",
  } as const;
  switch (level) {
    case "pooled":
    case "account":
      return shared;
    case "hybrid":
      return { ...shared, bucket: "own", database: "own", key: "own" };
    case "dedicated":
      return {
        ...shared,
        cluster: "own",
        bucket: "own",
        database: "own",
        key: "own",
        network: dedicated.network,
        cidrBlock: dedicated.network === "vpc" ? OWN_VPC_CIDR : dedicated.cidrBlock,
        loadBalancer: "own",
      };
  }
}
