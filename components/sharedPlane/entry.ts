import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { createDomain } from "../domain.ts";
import { createListeners } from "../listeners.ts";
import { SERVICE_PORT } from "../tenantServiceSet/services.ts";
import type { Network } from "./network.ts";
import type { PlaneBuild } from "./planeArgs.ts";

/**
 * The plane's public entry: one zone, one wildcard certificate, one load balancer. Hosts of the plane's domain go to
 * the router, everything else to a 404. Tenants add nothing here. Where certificates for domains of tenants' own are given, every
 * other host goes to the router too, which knows whose they are.
 */
export interface Entry {
  readonly zone: aws.route53.Zone;
  readonly certificateArn: pulumi.Output<string>;
  readonly loadBalancer: aws.lb.LoadBalancer;
  readonly httpsListener: aws.lb.Listener;
  readonly routerTargets: aws.lb.TargetGroup;
  /** The router's service may only start once its target group hangs on a listener. */
  readonly routerRule: aws.lb.ListenerRule;
}

const DEREGISTRATION_DELAY_SECONDS = 30;

export function createEntry(build: PlaneBuild, network: Network): Entry {
  const { args } = build;
  const { zone, certificateArn } = createDomain(build, {
    domain: args.domain,
    wildcard: true,
    parentZoneId: args.parentZoneId,
    comment: `Tenants of ${args.planeName}`,
    forceDestroy: !args.protect,
    tags: args.tags,
  });
  const loadBalancer = new aws.lb.LoadBalancer(
    "entry",
    {
      loadBalancerType: "application",
      internal: false,
      subnets: network.publicSubnetIds,
      securityGroups: [network.loadBalancerGroup.id],
      dropInvalidHeaderFields: true,
      enableDeletionProtection: args.protect,
      tags: args.tags,
    },
    build.child(),
  );
  const routerTargets = createRouterTargets(build, network);
  const listeners = { loadBalancerArn: loadBalancer.arn, certificateArn, tags: args.tags };
  const httpsListener = createListeners(listeners, build.child({ deleteBeforeReplace: true }));
  const routerRule = new aws.lb.ListenerRule(
    "router",
    {
      listenerArn: httpsListener.arn,
      priority: 100,
      conditions: [{ hostHeader: { values: [`*.${args.domain}`] } }],
      actions: [{ type: "forward", targetGroupArn: routerTargets.arn }],
      tags: args.tags,
    },
    build.child({ deleteBeforeReplace: true }),
  );
  createCustomDomains(build, httpsListener, routerTargets);
  new aws.route53.Record(
    "wildcard",
    {
      zoneId: zone.zoneId,
      name: `*.${args.domain}`,
      type: "A",
      aliases: [{ name: loadBalancer.dnsName, zoneId: loadBalancer.zoneId, evaluateTargetHealth: true }],
    },
    build.child({ deleteBeforeReplace: true }),
  );
  return { zone, certificateArn, loadBalancer, httpsListener, routerTargets, routerRule };
}

/** After the plane's own names; a name without a certificate gets no further than the TLS handshake. */
function createCustomDomains(
  build: PlaneBuild,
  listener: aws.lb.Listener,
  targets: aws.lb.TargetGroup,
): void {
  const { customDomainCertificateArns: arns, tags } = build.args;
  if (arns.length === 0) return;
  for (const certificateArn of arns) {
    // By the certificate's id, so that taking one away leaves the others alone.
    const id = certificateArn.slice(certificateArn.lastIndexOf("/") + 1);
    const of = { listenerArn: listener.arn, certificateArn };
    new aws.lb.ListenerCertificate(`domain-${id}`, of, build.child());
  }
  new aws.lb.ListenerRule(
    "custom-domains",
    {
      listenerArn: listener.arn,
      priority: 200,
      conditions: [{ pathPattern: { values: ["/*"] } }],
      actions: [{ type: "forward", targetGroupArn: targets.arn }],
      tags,
    },
    build.child({ deleteBeforeReplace: true }),
  );
}

function createRouterTargets(build: PlaneBuild, network: Network): aws.lb.TargetGroup {
  const { args } = build;
  return new aws.lb.TargetGroup(
    "router",
    {
      port: SERVICE_PORT,
      protocol: "HTTP",
      targetType: "ip",
      vpcId: network.vpcId,
      deregistrationDelay: DEREGISTRATION_DELAY_SECONDS,
      healthCheck: { path: args.router.healthPath, matcher: "200-299", interval: 15, timeout: 5 },
      tags: args.tags,
    },
    build.child(),
  );
}
