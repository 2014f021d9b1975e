import { DATABASE_NAME, DATABASE_PORT } from "../postgres.ts";
import type { ControlPlaneArgs } from "./controlPlaneArgs.ts";

/** The service's own variables and flags, as plain data: a test holds them against the service's reader of them. */
export type ServiceRole = "api" | "worker";
export const SERVICE_ROLES: readonly ServiceRole[] = ["api", "worker"];

export const API_PORT = 7070;
/** Fargate allows no more between SIGTERM and SIGKILL. */
const STOP_TIMEOUT_SECONDS = 120;
/** What runs is handed over with time to spare for it. */
const DRAIN_MS = 90_000;

export interface ContainerFacts {
  readonly databaseEndpoint: string;
  readonly databaseSecretArn: string;
  readonly signingKeySecretArn: string;
  readonly stateBucketName: string;
  readonly secretsKeyArn: string;
  readonly logGroupName: string;
}

export interface ContainerDefinition {
  readonly name: string;
  readonly image: string;
  readonly essential: true;
  readonly command: readonly string[];
  readonly stopTimeout: number;
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly secrets: readonly { readonly name: string; readonly valueFrom: string }[];
  readonly portMappings: readonly { readonly containerPort: number; readonly protocol: "tcp" }[];
  readonly linuxParameters: { readonly initProcessEnabled: true };
  readonly healthCheck: {
    readonly command: readonly string[];
    readonly interval: number;
    readonly timeout: number;
    readonly retries: number;
    readonly startPeriod: number;
  };
  readonly logConfiguration: {
    readonly logDriver: "awslogs";
    readonly options: Readonly<Record<string, string>>;
  };
}

export function serviceContainer(
  role: ServiceRole,
  args: ControlPlaneArgs,
  facts: ContainerFacts,
): ContainerDefinition {
  return {
    name: role,
    image: args.image,
    essential: true,
    command: ["service/main.ts", "--role", role],
    stopTimeout: STOP_TIMEOUT_SECONDS,
    environment: Object.entries(environmentOf(role, args, facts))
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, value]) => ({ name, value })),
    // The driver reads these two itself, so that no address of the database ever holds a password.
    secrets: [
      { name: "PGPASSWORD", valueFrom: `${facts.databaseSecretArn}:password::` },
      { name: "PGUSER", valueFrom: `${facts.databaseSecretArn}:username::` },
      { name: "TENANTRY_SIGNING_KEY", valueFrom: facts.signingKeySecretArn },
    ],
    portMappings: [{ containerPort: API_PORT, protocol: "tcp" }],
    // The CLI and its plugins are children; something must collect those whose parent was killed.
    linuxParameters: { initProcessEnabled: true },
    healthCheck: {
      // Readiness asks the database: a task whose password was rotated away is replaced and reads the new one.
      command: ["CMD", "node", "service/probe.ts"],
      interval: 30,
      timeout: 10,
      retries: 3,
      startPeriod: 120,
    },
    logConfiguration: {
      logDriver: "awslogs",
      options: {
        "awslogs-group": facts.logGroupName,
        "awslogs-region": args.location.region,
        "awslogs-stream-prefix": role,
      },
    },
  };
}

function environmentOf(
  role: ServiceRole,
  args: ControlPlaneArgs,
  facts: ContainerFacts,
): Readonly<Record<string, string>> {
  const { region } = args.location;
  const { concurrency, engineWorkers } = args.worker;
  const key = facts.secretsKeyArn;
  return {
    AWS_REGION: region,
    TENANTRY_CLOUD: "aws",
    TENANTRY_AWS_ASSUME_ROLE: "plane",
    TENANTRY_HOST: "0.0.0.0",
    TENANTRY_PORT: String(API_PORT),
    TENANTRY_JSON_LOG: "true",
    TENANTRY_DRAIN_MS: String(DRAIN_MS),
    TENANTRY_DATABASE_URL: `postgres://${facts.databaseEndpoint}:${DATABASE_PORT}/${DATABASE_NAME}?sslmode=verify-full`,
    TENANTRY_STATE_URL: `s3://${facts.stateBucketName}?region=${region}`,
    TENANTRY_SECRETS_PROVIDER: `awskms:///${key}?region=${region}`,
    TENANTRY_PLANE_PROJECT: args.planeProject,
    TENANTRY_PLANE_STACKS: args.planeStacks.join(","),
    TENANTRY_ENGINE_WORKERS: String(role === "worker" ? engineWorkers : 1),
    // Requests come through the load balancer, and so does who sent them.
    ...(role === "api" ? { TENANTRY_TRUSTED_PROXIES: "1" } : {}),
    ...(role === "worker" ? { TENANTRY_CONCURRENCY: String(concurrency) } : {}),
  };
}
