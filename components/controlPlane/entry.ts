import * as aws from "@pulumi/aws";
import { createDomain, type Domain } from "../domain.ts";
import { RECENT_TLS_POLICY } from "../tls.ts";
import { API_PORT } from "./containers.ts";
import type { ControlPlaneBuild } from "./controlPlaneArgs.ts";
import type { ControlPlaneNetwork } from "./network.ts";

export interface ControlPlaneEntry {
  readonly domain: Domain;
  readonly loadBalancer: aws.lb.LoadBalancer;
  readonly listener: aws.lb.Listener;
  readonly targets: aws.lb.TargetGroup;
}

const DEREGISTRATION_DELAY_SECONDS = 30;
/** Event streams send a heartbeat every 15 s. */
const IDLE_TIMEOUT_SECONDS = 120;

/** The API's address: a name that everybody may look up and that only the network reaches. TLS only. */
export function createControlPlaneEntry(
  build: ControlPlaneBuild,
  network: ControlPlaneNetwork,
): ControlPlaneEntry {
  const { args } = build;
  const domain = createDomain(build, {
    domain: args.domain,
    parentZoneId: args.parentZoneId,
    comment: `Control service of ${args.environment}`,
    forceDestroy: !args.protect,
    tags: args.tags,
  });
  const loadBalancer = new aws.lb.LoadBalancer(
    "entry",
    {
      loadBalancerType: "application",
      internal: true,
      subnets: network.privateSubnetIds,
      securityGroups: [network.entryGroup.id],
      dropInvalidHeaderFields: true,
      enableDeletionProtection: args.protect,
      idleTimeout: IDLE_TIMEOUT_SECONDS,
      tags: args.tags,
    },
    build.child(),
  );
  const targets = new aws.lb.TargetGroup(
    "api",
    {
      port: API_PORT,
      protocol: "HTTP",
      targetType: "ip",
      vpcId: network.vpcId,
      deregistrationDelay: DEREGISTRATION_DELAY_SECONDS,
      healthCheck: { path: "/readiness", matcher: "200", interval: 15, timeout: 5 },
      tags: args.tags,
    },
    build.child(),
  );
  const listener = new aws.lb.Listener(
    "https",
    {
      loadBalancerArn: loadBalancer.arn,
      port: 443,
      protocol: "HTTPS",
      sslPolicy: RECENT_TLS_POLICY,
      certificateArn: domain.certificateArn,
      defaultActions: [{ type: "forward", targetGroupArn: targets.arn }],
      tags: args.tags,
    },
    build.child({ deleteBeforeReplace: true }),
  );
  new aws.route53.Record(
    "api",
    {
      zoneId: domain.zone.zoneId,
      name: args.domain,
      type: "A",
      aliases: [{ name: loadBalancer.dnsName, zoneId: loadBalancer.zoneId, evaluateTargetHealth: true }],
    },
    build.child({ deleteBeforeReplace: true }),
  );
  return { domain, loadBalancer, listener, targets };
}
