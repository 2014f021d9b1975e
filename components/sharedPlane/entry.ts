import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { SERVICE_PORT } from "../tenantServiceSet/services.ts";
import { RECENT_TLS_POLICY } from "../tls.ts";
import type { Network } from "./network.ts";
import type { PlaneBuild } from "./planeArgs.ts";

/**
 * The plane's public entry: one zone, one wildcard certificate, one load balancer. Hosts of the plane's domain go to
 * the router, everything else to a 404. Tenants add nothing here.
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

const VALIDATION_TTL_SECONDS = 300;
const DELEGATION_TTL_SECONDS = 3600;
const DEREGISTRATION_DELAY_SECONDS = 30;

export function createEntry(build: PlaneBuild, network: Network): Entry {
  const { args } = build;
  const zone = createZone(build);
  const certificateArn = createCertificate(build, zone);
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
  const httpsListener = createListeners(build, loadBalancer, certificateArn);
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

function createZone(build: PlaneBuild): aws.route53.Zone {
  const { args } = build;
  const zone = new aws.route53.Zone(
    "domain",
    {
      name: args.domain,
      comment: `Tenants of ${args.planeName}`,
      forceDestroy: !args.protect,
      tags: args.tags,
    },
    build.kept(),
  );
  if (args.parentZoneId !== undefined) {
    new aws.route53.Record(
      "delegation",
      {
        zoneId: args.parentZoneId,
        name: args.domain,
        type: "NS",
        ttl: DELEGATION_TTL_SECONDS,
        records: zone.nameServers,
      },
      build.child({ deleteBeforeReplace: true }),
    );
  }
  return zone;
}

/** Domain and wildcard are validated by one and the same record. Resolves when the certificate is issued. */
function createCertificate(build: PlaneBuild, zone: aws.route53.Zone): pulumi.Output<string> {
  const { args } = build;
  const certificate = new aws.acm.Certificate(
    "domain",
    {
      domainName: args.domain,
      subjectAlternativeNames: [`*.${args.domain}`],
      validationMethod: "DNS",
      tags: args.tags,
    },
    build.child(),
  );
  const validation = certificate.domainValidationOptions.apply((validations) => {
    const [first] = validations;
    if (first === undefined) {
      throw new Error(`Cannot validate the certificate of ${args.domain}: ACM must name a record, got none`);
    }
    return first;
  });
  const record = new aws.route53.Record(
    "validation",
    {
      zoneId: zone.zoneId,
      name: validation.resourceRecordName,
      type: validation.resourceRecordType.apply((type) => type as aws.route53.RecordType),
      ttl: VALIDATION_TTL_SECONDS,
      records: [validation.resourceRecordValue],
      allowOverwrite: true,
    },
    build.child({ deleteBeforeReplace: true }),
  );
  const issued = new aws.acm.CertificateValidation(
    "domain",
    { certificateArn: certificate.arn, validationRecordFqdns: [record.fqdn] },
    build.child(),
  );
  return issued.certificateArn;
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

function createListeners(
  build: PlaneBuild,
  loadBalancer: aws.lb.LoadBalancer,
  certificateArn: pulumi.Output<string>,
): aws.lb.Listener {
  const { args } = build;
  new aws.lb.Listener(
    "http",
    {
      loadBalancerArn: loadBalancer.arn,
      port: 80,
      protocol: "HTTP",
      defaultActions: [
        { type: "redirect", redirect: { port: "443", protocol: "HTTPS", statusCode: "HTTP_301" } },
      ],
      tags: args.tags,
    },
    build.child({ deleteBeforeReplace: true }),
  );
  return new aws.lb.Listener(
    "https",
    {
      loadBalancerArn: loadBalancer.arn,
      port: 443,
      protocol: "HTTPS",
      sslPolicy: RECENT_TLS_POLICY,
      certificateArn,
      defaultActions: [
        {
          type: "fixed-response",
          fixedResponse: {
            contentType: "text/plain",
            messageBody: "Nothing answers here",
            statusCode: "404",
          },
        },
      ],
      tags: args.tags,
    },
    build.child({ deleteBeforeReplace: true }),
  );
}
