/**
 * TenantServiceSet: everything one tenant has on one plane, in pooled placement.
 *
 * What it is: five ECS services, each with a task role, a log group and a secret of its own; one execution role, one
 * security group, one work queue with its dead letters; private names for the services that speak HTTP.
 *
 * What it promises: logical names depend on nothing but the service, so no option ever recreates a resource by
 * renaming it; physical names come from `tenantLayout` alone; every role is under the plane's boundary and reaches
 * this tenant's prefix, secrets and queue only; everything that takes tags carries them.
 *
 * What it leaves to the plane: the public entry. There is no listener rule and no target group per tenant, since a
 * load balancer takes about a hundred of them; the router forwards by the private names.
 *
 * Named resources are deleted before they are replaced, because AWS still holds the old one's name.
 */
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { arn, type Location, taskTrustPolicy } from "../policyDocument.ts";
import { TAG, type Tags } from "../tags.ts";
import { containerDefinitions } from "./container.ts";
import type { TenantLayout } from "./layout.ts";
import { executionRolePolicy, type PolicyScope, taskRolePolicy } from "./policies.ts";
import { type Scaling, serviceScaling, type Workload } from "./scaling.ts";
import { SERVICE_NAMES, SERVICE_PORT, SERVICE_SHAPES, type ServiceName } from "./services.ts";

/** What the component needs to know of its plane. */
export interface TenantPlane {
  readonly environment: string;
  readonly planeName: string;
  readonly vpcId: string;
  readonly privateSubnetIds: readonly string[];
  readonly routerSecurityGroupId: string;
  readonly taskSecurityGroupId: string;
  readonly clusterName: string;
  readonly clusterArn: string;
  readonly serviceNamespaceId: string;
  readonly dataBucketName: string;
  readonly dataBucketArn: string;
  readonly kmsKeyArn: string;
  readonly databaseEndpoint: string;
  readonly databasePort: number;
  readonly tenantBoundaryArn: string;
  readonly tenantRolePath: string;
  readonly logRetentionDays: number;
  readonly secretRecoveryDays: number;
}

export interface ServiceArgs {
  readonly image: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Variable → full name of a secret under the service's own path. */
  readonly secretRefs: Readonly<Record<string, string>>;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly minCount: number;
  readonly maxCount: number;
}

export interface TenantServiceSetArgs {
  readonly layout: TenantLayout;
  readonly location: Location;
  readonly plane: TenantPlane;
  readonly tenantId: string;
  readonly slug: string;
  readonly services: Readonly<Record<ServiceName, ServiceArgs>>;
  readonly workload: Workload;
  readonly tags: Tags;
  readonly waitForSteadyState: boolean;
  /** Bound to every resource, so that a change can be refused before it is made. */
  readonly hooks?: pulumi.ResourceHookBinding;
}

/** Mean CPU over a service's tasks that autoscaling steers for; leaves room for a burst while tasks start. */
const TARGET_CPU_PERCENT = 60;
const SCALE_OUT_COOLDOWN_SECONDS = 60;
const SCALE_IN_COOLDOWN_SECONDS = 300;
/** Short, as a task's address goes with the task. */
const DISCOVERY_TTL_SECONDS = 10;
/** A message is given to a worker at most this often before it is set aside. */
const QUEUE_MAX_RECEIVES = 5;
/** Longer than any one piece of work, or a second worker would start it too. */
const QUEUE_VISIBILITY_SECONDS = 300;
const DEAD_LETTER_RETENTION_SECONDS = 14 * 24 * 3600;
const LONG_POLL_SECONDS = 20;

interface ServiceParts {
  readonly logGroup: aws.cloudwatch.LogGroup;
  readonly taskRole: aws.iam.Role;
  readonly taskPolicy: aws.iam.RolePolicy;
  readonly secret: aws.secretsmanager.Secret;
  readonly discovery: aws.servicediscovery.Service | undefined;
}

interface SharedParts {
  readonly executionRole: aws.iam.Role;
  readonly executionPolicy: aws.iam.RolePolicy;
  readonly securityGroup: aws.ec2.SecurityGroup;
  readonly queue: aws.sqs.Queue;
}

export class TenantServiceSet extends pulumi.ComponentResource {
  /** Service → ARN of its ECS service. */
  readonly serviceArns: Readonly<Record<ServiceName, pulumi.Output<string>>>;
  readonly queueUrl: pulumi.Output<string>;

  readonly #args: TenantServiceSetArgs;
  readonly #scope: PolicyScope;

  constructor(name: string, args: TenantServiceSetArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenantry:index:TenantServiceSet", name, {}, options);
    this.#args = args;
    const { layout, location, plane } = args;
    this.#scope = { layout, location, dataBucketArn: plane.dataBucketArn, kmsKeyArn: plane.kmsKeyArn };
    const shared = this.#sharedParts();
    const arns = SERVICE_NAMES.map((service): [ServiceName, pulumi.Output<string>] => {
      const parts = this.#serviceParts(service);
      const ecsService = this.#ecsService(service, shared, parts);
      return [service, ecsService.arn];
    });
    this.serviceArns = Object.fromEntries(arns) as Record<ServiceName, pulumi.Output<string>>;
    this.queueUrl = shared.queue.url;
    this.registerOutputs({ serviceArns: this.serviceArns, queueUrl: this.queueUrl });
  }

  #sharedParts(): SharedParts {
    const { layout } = this.#args;
    const { role, policy } = this.#role(
      "execution",
      layout.executionRoleName,
      executionRolePolicy(this.#scope),
      {},
    );
    return {
      executionRole: role,
      executionPolicy: policy,
      securityGroup: this.#securityGroup(),
      queue: this.#workQueue(),
    };
  }

  /** Rules are written inside the group, so that one added by hand is drift; apart from it, none would be seen. */
  #securityGroup(): aws.ec2.SecurityGroup {
    const { layout, plane, tags } = this.#args;
    const port = { protocol: "tcp", fromPort: SERVICE_PORT, toPort: SERVICE_PORT };
    return new aws.ec2.SecurityGroup(
      "tasks",
      {
        name: layout.securityGroupName,
        description: "Tasks of one tenant",
        vpcId: plane.vpcId,
        ingress: [
          { ...port, description: "From the router", securityGroups: [plane.routerSecurityGroupId] },
          { ...port, description: "Between the tenant's own services", self: true },
        ],
        egress: [
          { description: "Outward", protocol: "-1", fromPort: 0, toPort: 0, cidrBlocks: ["0.0.0.0/0"] },
        ],
        tags: { ...tags, Name: layout.securityGroupName },
      },
      this.#named(),
    );
  }

  #workQueue(): aws.sqs.Queue {
    const { layout, plane, tags } = this.#args;
    const deadLetters = new aws.sqs.Queue(
      "work-dead",
      {
        name: layout.deadLetterQueueName,
        kmsMasterKeyId: plane.kmsKeyArn,
        messageRetentionSeconds: DEAD_LETTER_RETENTION_SECONDS,
        tags: { ...tags, [TAG.service]: "discovery-worker" },
      },
      this.#named(),
    );
    return new aws.sqs.Queue(
      "work",
      {
        name: layout.queueName,
        kmsMasterKeyId: plane.kmsKeyArn,
        visibilityTimeoutSeconds: QUEUE_VISIBILITY_SECONDS,
        receiveWaitTimeSeconds: LONG_POLL_SECONDS,
        redrivePolicy: pulumi.jsonStringify({
          deadLetterTargetArn: deadLetters.arn,
          maxReceiveCount: QUEUE_MAX_RECEIVES,
        }),
        tags: { ...tags, [TAG.service]: "discovery-worker" },
      },
      this.#named(),
    );
  }

  #serviceParts(service: ServiceName): ServiceParts {
    const { layout, plane } = this.#args;
    const names = layout.services[service];
    const tags = this.#serviceTags(service);
    const { role, policy } = this.#role(service, names.roleName, taskRolePolicy(service, this.#scope), {
      [TAG.service]: service,
    });
    const logGroup = new aws.cloudwatch.LogGroup(
      service,
      {
        name: names.logGroupName,
        retentionInDays: plane.logRetentionDays,
        kmsKeyId: plane.kmsKeyArn,
        tags,
      },
      this.#named(),
    );
    // Only the container: whoever owns the credentials writes the value, so that none ever enters Pulumi's state.
    const secret = new aws.secretsmanager.Secret(
      service,
      {
        name: names.secretName,
        description: `Credentials of ${service}`,
        kmsKeyId: plane.kmsKeyArn,
        recoveryWindowInDays: plane.secretRecoveryDays,
        tags,
      },
      this.#named(),
    );
    return { logGroup, taskRole: role, taskPolicy: policy, secret, discovery: this.#discovery(service) };
  }

  #discovery(service: ServiceName): aws.servicediscovery.Service | undefined {
    const { layout, plane } = this.#args;
    const name = layout.services[service].discoveryName;
    if (name === undefined) return undefined;
    return new aws.servicediscovery.Service(
      service,
      {
        name,
        dnsConfig: {
          namespaceId: plane.serviceNamespaceId,
          dnsRecords: [{ type: "A", ttl: DISCOVERY_TTL_SECONDS }],
          routingPolicy: "MULTIVALUE",
        },
        // ECS reports each task's health; without this block Route 53 answers for tasks that fail.
        healthCheckCustomConfig: {},
        tags: this.#serviceTags(service),
      },
      this.#named(),
    );
  }

  #role(logicalName: string, name: string, policy: unknown, extraTags: Tags) {
    const { location, plane, tags } = this.#args;
    const role = new aws.iam.Role(
      logicalName,
      {
        name,
        path: plane.tenantRolePath,
        permissionsBoundary: plane.tenantBoundaryArn,
        assumeRolePolicy: JSON.stringify(taskTrustPolicy(location)),
        tags: { ...tags, ...extraTags },
      },
      this.#named(),
    );
    const rolePolicy = new aws.iam.RolePolicy(
      logicalName,
      { name: "own-resources", role: role.name, policy: JSON.stringify(policy) },
      this.#named(),
    );
    return { role, policy: rolePolicy };
  }

  #ecsService(service: ServiceName, shared: SharedParts, parts: ServiceParts): aws.ecs.Service {
    const { layout, plane, services, workload, waitForSteadyState } = this.#args;
    const scaling = serviceScaling(services[service], workload);
    const ecsService = new aws.ecs.Service(
      service,
      {
        name: layout.services[service].serviceName,
        cluster: plane.clusterArn,
        launchType: "FARGATE",
        taskDefinition: this.#taskDefinition(service, shared, parts).arn,
        desiredCount: scaling.desiredCount,
        deploymentMinimumHealthyPercent: 100,
        deploymentMaximumPercent: 200,
        deploymentCircuitBreaker: { enable: true, rollback: true },
        networkConfiguration: {
          subnets: [...plane.privateSubnetIds],
          securityGroups: [shared.securityGroup.id, plane.taskSecurityGroupId],
          assignPublicIp: false,
        },
        ...(parts.discovery === undefined ? {} : { serviceRegistries: { registryArn: parts.discovery.arn } }),
        enableEcsManagedTags: true,
        propagateTags: "SERVICE",
        waitForSteadyState,
        tags: this.#serviceTags(service),
      },
      this.#named({
        // A task that starts before its role may read its secret fails, and the service with it.
        dependsOn: [parts.taskPolicy, shared.executionPolicy],
        ignoreChanges: scaling.ignoreDesiredCount ? ["desiredCount"] : [],
      }),
    );
    if (scaling.bounds !== undefined) this.#autoscaling(service, ecsService, scaling.bounds);
    return ecsService;
  }

  #taskDefinition(service: ServiceName, shared: SharedParts, parts: ServiceParts): aws.ecs.TaskDefinition {
    const { layout, location, services } = this.#args;
    const args = services[service];
    const secrets = Object.entries(args.secretRefs).map(([variable, name]): [string, string] => [
      variable,
      arn(location, "secretsmanager", `secret:${name}`),
    ]);
    const definitions = pulumi
      .all([parts.logGroup.name, parts.secret.arn, shared.queue.url])
      .apply(([logGroupName, secretArn, queueUrl]) =>
        containerDefinitions({
          service,
          image: args.image,
          settings: args.settings,
          platform: this.#platform(service, secretArn, queueUrl),
          secrets: Object.fromEntries(secrets),
          logGroupName,
          region: location.region,
        }),
      );
    return new aws.ecs.TaskDefinition(
      service,
      {
        family: layout.services[service].serviceName,
        cpu: String(args.cpu),
        memory: String(args.memoryMiB),
        networkMode: "awsvpc",
        requiresCompatibilities: ["FARGATE"],
        executionRoleArn: shared.executionRole.arn,
        taskRoleArn: parts.taskRole.arn,
        containerDefinitions: definitions,
        tags: this.#serviceTags(service),
      },
      this.#child(),
    );
  }

  /** Variables every service may rely on. */
  #platform(service: ServiceName, secretArn: string, queueUrl: string): Readonly<Record<string, string>> {
    const { layout, plane, tenantId, slug } = this.#args;
    const shape = SERVICE_SHAPES[service];
    return {
      TENANT_ID: tenantId,
      TENANT_SLUG: slug,
      TENANT_ENVIRONMENT: plane.environment,
      TENANT_CREDENTIALS_SECRET: secretArn,
      TENANT_PUBLIC_NAME: layout.publicName,
      TENANT_PRIVATE_DOMAIN: layout.routingTarget,
      DATABASE_HOST: plane.databaseEndpoint,
      DATABASE_PORT: String(plane.databasePort),
      ...(shape.storage ? { DATA_BUCKET: plane.dataBucketName, DATA_PREFIX: layout.storagePrefix } : {}),
      ...(shape.queue === "none" ? {} : { WORK_QUEUE_URL: queueUrl }),
    };
  }

  #autoscaling(
    service: ServiceName,
    ecsService: aws.ecs.Service,
    bounds: NonNullable<Scaling["bounds"]>,
  ): void {
    const { layout, plane } = this.#args;
    const target = new aws.appautoscaling.Target(
      service,
      {
        serviceNamespace: "ecs",
        scalableDimension: "ecs:service:DesiredCount",
        resourceId: pulumi.interpolate`service/${plane.clusterName}/${ecsService.name}`,
        minCapacity: bounds.minCount,
        maxCapacity: bounds.maxCount,
        tags: this.#serviceTags(service),
      },
      this.#named(),
    );
    new aws.appautoscaling.Policy(
      service,
      {
        name: `${layout.services[service].serviceName}-cpu`,
        policyType: "TargetTrackingScaling",
        serviceNamespace: target.serviceNamespace,
        scalableDimension: target.scalableDimension,
        resourceId: target.resourceId,
        targetTrackingScalingPolicyConfiguration: {
          predefinedMetricSpecification: { predefinedMetricType: "ECSServiceAverageCPUUtilization" },
          targetValue: TARGET_CPU_PERCENT,
          scaleOutCooldown: SCALE_OUT_COOLDOWN_SECONDS,
          scaleInCooldown: SCALE_IN_COOLDOWN_SECONDS,
        },
      },
      this.#named(),
    );
  }

  #serviceTags(service: ServiceName): Tags {
    return { ...this.#args.tags, [TAG.service]: service };
  }

  #child(options: pulumi.CustomResourceOptions = {}): pulumi.CustomResourceOptions {
    const { hooks } = this.#args;
    return { ...options, parent: this, ...(hooks === undefined ? {} : { hooks }) };
  }

  #named(options: pulumi.CustomResourceOptions = {}): pulumi.CustomResourceOptions {
    return this.#child({ ...options, deleteBeforeReplace: true });
  }
}
