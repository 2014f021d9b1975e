import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { createListeners } from "../listeners.ts";
import type { TenantNetwork } from "./ownNetwork.ts";
import { SERVICE_NAMES, SERVICE_PORT, SERVICE_SHAPES, type ServiceName } from "./services.ts";
import { serviceTags, type TenantBuild } from "./tenantArgs.ts";

/**
 * A load balancer of the tenant's own: its public name leads past the plane's router, and `/<service>/…` to the
 * tenant's service of that name. Anything else is a 404.
 */
export interface TenantEntry {
  readonly loadBalancer: aws.lb.LoadBalancer;
  readonly group: aws.ec2.SecurityGroup;
  readonly targets: ReadonlyMap<ServiceName, EntryTarget>;
}

export interface EntryTarget {
  readonly targetGroup: aws.lb.TargetGroup;
  /** A service may only start once its target group hangs on a listener. */
  readonly rule: aws.lb.ListenerRule;
}

const HEALTH_PATH = "/health";
const DEREGISTRATION_DELAY_SECONDS = 30;
const FIRST_PRIORITY = 100;
/** What the plane's router answers for a suspended tenant, but for the id of the request. */
const SUSPENDED = {
  contentType: "application/json",
  statusCode: "503",
  messageBody: JSON.stringify({
    type: "urn:tenantry:problem:tenant_suspended",
    title: "The tenant is suspended",
    status: 503,
    detail: "Cannot answer: the tenant is suspended.",
    code: "tenant_suspended",
  }),
};

export function createTenantEntry(build: TenantBuild, network: TenantNetwork): TenantEntry {
  const { layout, plane, tags } = build.args;
  const group = createEntryGroup(build, network);
  const loadBalancer = new aws.lb.LoadBalancer(
    "entry",
    {
      name: layout.own.loadBalancerName,
      loadBalancerType: "application",
      internal: false,
      subnets: network.publicSubnetIds,
      securityGroups: [group.id],
      dropInvalidHeaderFields: true,
      tags,
    },
    build.named(),
  );
  // The plane's wildcard certificate covers the tenant's public name.
  const listeners = { loadBalancerArn: loadBalancer.arn, certificateArn: plane.certificateArn, tags };
  const listener = createListeners(listeners, build.named());
  if (build.args.accessSuspended) createSuspension(build, listener);
  // More exact than the plane's wildcard, so DNS prefers it.
  new aws.route53.Record(
    "public",
    {
      zoneId: plane.dnsZoneId,
      name: layout.publicName,
      type: "A",
      aliases: [{ name: loadBalancer.dnsName, zoneId: loadBalancer.zoneId, evaluateTargetHealth: true }],
    },
    build.named(),
  );
  const targets = SERVICE_NAMES.filter((service) => SERVICE_SHAPES[service].http).map(
    (service, index): [ServiceName, EntryTarget] => [
      service,
      createTarget(build, service, network, listener, FIRST_PRIORITY + index),
    ],
  );
  return { loadBalancer, group, targets: new Map(targets) };
}

function createEntryGroup(build: TenantBuild, network: TenantNetwork): aws.ec2.SecurityGroup {
  const { layout, plane, tags } = build.args;
  const clients = (port: number) => ({
    description: "Clients",
    protocol: "tcp",
    fromPort: port,
    toPort: port,
    cidrBlocks: [...(plane.allowedCidrBlocks ?? ["0.0.0.0/0"])],
  });
  return new aws.ec2.SecurityGroup(
    "entry",
    {
      name: layout.own.entryGroupName,
      description: "Load balancer of one tenant",
      vpcId: network.vpcId,
      ingress: [clients(443), clients(80)],
      egress: [
        {
          description: "To the tenant's tasks",
          protocol: "tcp",
          fromPort: SERVICE_PORT,
          toPort: SERVICE_PORT,
          cidrBlocks: [network.cidrBlock ?? "0.0.0.0/0"],
        },
      ],
      tags: { ...tags, Name: layout.own.entryGroupName },
    },
    build.named(),
  );
}

/** Before all other rules, which stay: a service whose target group hangs on no listener cannot be updated. */
function createSuspension(build: TenantBuild, listener: aws.lb.Listener): void {
  const { layout, tags } = build.args;
  new aws.lb.ListenerRule(
    "suspended",
    {
      listenerArn: listener.arn,
      priority: 1,
      conditions: [{ hostHeader: { values: [layout.publicName] } }],
      actions: [{ type: "fixed-response", fixedResponse: SUSPENDED }],
      tags,
    },
    build.named(),
  );
}

function createTarget(
  build: TenantBuild,
  service: ServiceName,
  network: TenantNetwork,
  listener: aws.lb.Listener,
  priority: number,
): EntryTarget {
  const { layout } = build.args;
  const tags = serviceTags(build, service);
  const targetGroup = new aws.lb.TargetGroup(
    service,
    {
      name: layout.services[service].targetGroupName,
      port: SERVICE_PORT,
      protocol: "HTTP",
      targetType: "ip",
      vpcId: network.vpcId,
      deregistrationDelay: DEREGISTRATION_DELAY_SECONDS,
      healthCheck: { path: HEALTH_PATH, matcher: "200-299", interval: 15, timeout: 5 },
      tags,
    },
    build.named(),
  );
  const rule = new aws.lb.ListenerRule(
    service,
    {
      listenerArn: listener.arn,
      priority,
      conditions: [
        { hostHeader: { values: [layout.publicName] } },
        { pathPattern: { values: [`/${service}`, `/${service}/*`] } },
      ],
      actions: [{ type: "forward", targetGroupArn: targetGroup.arn }],
      tags,
    },
    build.named(),
  );
  return { targetGroup, rule };
}

/** What an ECS service says to hang on the entry. */
export function entryOf(
  entry: TenantEntry | undefined,
  service: ServiceName,
): { readonly loadBalancers?: aws.types.input.ecs.ServiceLoadBalancer[]; readonly after: pulumi.Resource[] } {
  const target = entry?.targets.get(service);
  if (target === undefined) return { after: [] };
  const hung = {
    targetGroupArn: target.targetGroup.arn,
    containerName: service,
    containerPort: SERVICE_PORT,
  };
  return { loadBalancers: [hung], after: [target.rule] };
}
