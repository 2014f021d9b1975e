import { SERVICE_PORT, SERVICE_SHAPES, type ServiceName } from "./services.ts";

export interface ContainerFacts {
  readonly service: ServiceName;
  readonly image: string;
  /** The release's and the tenant's variables; what the platform sets wins over them. */
  readonly settings: Readonly<Record<string, string>>;
  readonly platform: Readonly<Record<string, string>>;
  /** Variable → ARN of a secret that ECS reads when a task starts. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly logGroupName: string;
  readonly region: string;
}

/** Time a task has to finish its work after SIGTERM; Fargate allows at most 120 s. */
const STOP_TIMEOUT_SECONDS = 60;

/** The container definitions of one service as ECS's JSON, members sorted so that equal facts give equal text. */
export function containerDefinitions(facts: ContainerFacts): string {
  const { service } = facts;
  const environment = {
    ...facts.settings,
    ...facts.platform,
    SERVICE_NAME: service,
    PORT: String(SERVICE_PORT),
  };
  return JSON.stringify([
    {
      name: service,
      image: facts.image,
      essential: true,
      stopTimeout: STOP_TIMEOUT_SECONDS,
      environment: sorted(environment).map(([name, value]) => ({ name, value })),
      secrets: sorted(facts.secrets).map(([name, valueFrom]) => ({ name, valueFrom })),
      portMappings: SERVICE_SHAPES[service].http
        ? [{ containerPort: SERVICE_PORT, hostPort: SERVICE_PORT, protocol: "tcp" }]
        : [],
      logConfiguration: {
        logDriver: "awslogs",
        options: {
          "awslogs-group": facts.logGroupName,
          "awslogs-region": facts.region,
          "awslogs-stream-prefix": service,
        },
      },
    },
  ]);
}

function sorted(record: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(record).sort(([left], [right]) => (left < right ? -1 : 1));
}
