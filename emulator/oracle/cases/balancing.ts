/** Elastic Load Balancing: how requests come in. */
import type { Case } from "../case.ts";
import { asSetup, on } from "../case.ts";
import { network, subnetA, subnetB } from "./network.ts";

const balancer = on("aws:lb/loadBalancer:LoadBalancer");
const targets = on("aws:lb/targetGroup:TargetGroup");
const listener = on("aws:lb/listener:Listener");
const rule = on("aws:lb/listenerRule:ListenerRule");

const MISSING = "0123456789abcdef0";
const PREFIX = "arn:aws:elasticloadbalancing:eu-west-1:123456789012";
const LONG = "a".repeat(33);

const subnets = ["{{subnetA.id}}", "{{subnetB.id}}"];
const Subnets = ["{{subnetA.Subnet.SubnetId}}", "{{subnetB.Subnet.SubnetId}}"];

const notFound = {
  type: "fixed-response",
  fixedResponse: { contentType: "text/plain", statusCode: "404" },
};
const NotFound = {
  Type: "fixed-response",
  FixedResponseConfig: { ContentType: "text/plain", StatusCode: "404" },
};
const condition = { pathPattern: { values: ["/a"] } };
const Condition = { Field: "path-pattern", PathPatternConfig: { Values: ["/a"] } };

const web = balancer.create(
  "web",
  { name: "web", subnets },
  [["elbv2", "create_load_balancer", { Name: "web", Subnets }]],
  {
    id: "LoadBalancers.0.LoadBalancerArn",
    arn: "LoadBalancers.0.LoadBalancerArn",
    dnsName: "LoadBalancers.0.DNSName",
    zoneId: "LoadBalancers.0.CanonicalHostedZoneId",
    vpcId: "LoadBalancers.0.VpcId",
    loadBalancerType: "LoadBalancers.0.Type",
    ipAddressType: "LoadBalancers.0.IpAddressType",
  },
);

const webTargets = targets.create(
  "group",
  { name: "group", port: 80, protocol: "HTTP", vpcId: "{{vpc.id}}", targetType: "ip" },
  [
    [
      "elbv2",
      "create_target_group",
      { Name: "group", Port: 80, Protocol: "HTTP", VpcId: "{{vpc.Vpc.VpcId}}", TargetType: "ip" },
    ],
    [
      "elbv2",
      "describe_target_group_attributes",
      { TargetGroupArn: "{{own.TargetGroups.0.TargetGroupArn}}" },
    ],
  ],
  {
    id: "TargetGroups.0.TargetGroupArn",
    arn: "TargetGroups.0.TargetGroupArn",
    protocolVersion: "TargetGroups.0.ProtocolVersion",
    targetType: "TargetGroups.0.TargetType",
    ipAddressType: "TargetGroups.0.IpAddressType",
    loadBalancerArns: "TargetGroups.0.LoadBalancerArns",
    "healthCheck.interval": "TargetGroups.0.HealthCheckIntervalSeconds",
    "healthCheck.path": "TargetGroups.0.HealthCheckPath",
    "healthCheck.port": "TargetGroups.0.HealthCheckPort",
    "healthCheck.protocol": "TargetGroups.0.HealthCheckProtocol",
    "healthCheck.timeout": "TargetGroups.0.HealthCheckTimeoutSeconds",
    "healthCheck.healthyThreshold": "TargetGroups.0.HealthyThresholdCount",
    "healthCheck.unhealthyThreshold": "TargetGroups.0.UnhealthyThresholdCount",
    "healthCheck.matcher": "TargetGroups.0.Matcher.HttpCode",
  },
);

const httpListener = listener.create(
  "http",
  { loadBalancerArn: "{{web.id}}", port: 80, protocol: "HTTP", defaultActions: [notFound] },
  [
    [
      "elbv2",
      "create_listener",
      {
        LoadBalancerArn: "{{web.LoadBalancers.0.LoadBalancerArn}}",
        Port: 80,
        Protocol: "HTTP",
        DefaultActions: [NotFound],
      },
    ],
  ],
  { id: "Listeners.0.ListenerArn", arn: "Listeners.0.ListenerArn", protocol: "Listeners.0.Protocol" },
);

const loadBalancers: Case = {
  name: "load balancers",
  steps: [
    asSetup(network),
    asSetup(subnetA),
    subnetB,
    web,
    balancer.create("webTwice", { name: "web", subnets, idleTimeout: 30 }, [
      ["elbv2", "create_load_balancer", { Name: "web", Subnets, Scheme: "internal" }],
    ]),
    balancer.create("balancerOneSubnet", { name: "one", subnets: ["{{subnetA.id}}"] }, [
      ["elbv2", "create_load_balancer", { Name: "one", Subnets: ["{{subnetA.Subnet.SubnetId}}"] }],
    ]),
    balancer.create("balancerNoSubnet", { name: "lost", subnets: [`subnet-${MISSING}`, "{{subnetA.id}}"] }, [
      [
        "elbv2",
        "create_load_balancer",
        { Name: "lost", Subnets: [`subnet-${MISSING}`, "{{subnetA.Subnet.SubnetId}}"] },
      ],
    ]),
    balancer.create("balancerNoGroup", { name: "open", subnets, securityGroups: [`sg-${MISSING}`] }, [
      ["elbv2", "create_load_balancer", { Name: "open", Subnets, SecurityGroups: [`sg-${MISSING}`] }],
    ]),
    balancer.create("balancerLongName", { name: LONG, subnets }, [
      ["elbv2", "create_load_balancer", { Name: LONG, Subnets }],
    ]),
    balancer.create("balancerBadName", { name: "a_b", subnets }, [
      ["elbv2", "create_load_balancer", { Name: "a_b", Subnets }],
    ]),
    balancer.create("balancerHyphenName", { name: "-a", subnets }, [
      ["elbv2", "create_load_balancer", { Name: "-a", Subnets }],
    ]),
  ],
};

const listeners: Case = {
  name: "listeners",
  steps: [
    asSetup(network),
    asSetup(subnetA),
    subnetB,
    asSetup(web),
    webTargets,
    targets.create(
      "groupTwice",
      { name: "group", port: 81, protocol: "HTTP", vpcId: "{{vpc.id}}", targetType: "ip" },
      [
        [
          "elbv2",
          "create_target_group",
          { Name: "group", Port: 81, Protocol: "HTTP", VpcId: "{{vpc.Vpc.VpcId}}", TargetType: "ip" },
        ],
      ],
    ),
    targets.create("groupNoVpc", { name: "lost", port: 80, protocol: "HTTP", vpcId: `vpc-${MISSING}` }, [
      ["elbv2", "create_target_group", { Name: "lost", Port: 80, Protocol: "HTTP", VpcId: `vpc-${MISSING}` }],
    ]),
    targets.create("groupLongName", { name: LONG, port: 80, protocol: "HTTP", vpcId: "{{vpc.id}}" }, [
      [
        "elbv2",
        "create_target_group",
        { Name: LONG, Port: 80, Protocol: "HTTP", VpcId: "{{vpc.Vpc.VpcId}}" },
      ],
    ]),
    targets.create("groupBadName", { name: "a_b", port: 80, protocol: "HTTP", vpcId: "{{vpc.id}}" }, [
      [
        "elbv2",
        "create_target_group",
        { Name: "a_b", Port: 80, Protocol: "HTTP", VpcId: "{{vpc.Vpc.VpcId}}" },
      ],
    ]),
    httpListener,
    listener.create(
      "httpTwice",
      { loadBalancerArn: "{{web.id}}", port: 80, protocol: "HTTP", defaultActions: [notFound] },
      [
        [
          "elbv2",
          "create_listener",
          {
            LoadBalancerArn: "{{web.LoadBalancers.0.LoadBalancerArn}}",
            Port: 80,
            Protocol: "HTTP",
            DefaultActions: [NotFound],
          },
        ],
      ],
    ),
    listener.create(
      "listenerNoBalancer",
      {
        loadBalancerArn: `${PREFIX}:loadbalancer/app/lost/0123456789abcdef`,
        port: 80,
        protocol: "HTTP",
        defaultActions: [notFound],
      },
      [
        [
          "elbv2",
          "create_listener",
          {
            LoadBalancerArn: `${PREFIX}:loadbalancer/app/lost/0123456789abcdef`,
            Port: 80,
            Protocol: "HTTP",
            DefaultActions: [NotFound],
          },
        ],
      ],
    ),
    listener.create(
      "httpsNoCertificate",
      { loadBalancerArn: "{{web.id}}", port: 443, protocol: "HTTPS", defaultActions: [notFound] },
      [
        [
          "elbv2",
          "create_listener",
          {
            LoadBalancerArn: "{{web.LoadBalancers.0.LoadBalancerArn}}",
            Port: 443,
            Protocol: "HTTPS",
            DefaultActions: [NotFound],
          },
        ],
      ],
    ),
    listener.create(
      "httpsLostCertificate",
      {
        loadBalancerArn: "{{web.id}}",
        port: 443,
        protocol: "HTTPS",
        certificateArn: "arn:aws:acm:eu-west-1:123456789012:certificate/none",
        defaultActions: [notFound],
      },
      [
        [
          "elbv2",
          "create_listener",
          {
            LoadBalancerArn: "{{web.LoadBalancers.0.LoadBalancerArn}}",
            Port: 443,
            Protocol: "HTTPS",
            Certificates: [{ CertificateArn: "arn:aws:acm:eu-west-1:123456789012:certificate/none" }],
            DefaultActions: [NotFound],
          },
        ],
      ],
    ),
    listener.create(
      "listenerNoTargets",
      {
        loadBalancerArn: "{{web.id}}",
        port: 81,
        protocol: "HTTP",
        defaultActions: [{ type: "forward", targetGroupArn: `${PREFIX}:targetgroup/lost/0123456789abcdef` }],
      },
      [
        [
          "elbv2",
          "create_listener",
          {
            LoadBalancerArn: "{{web.LoadBalancers.0.LoadBalancerArn}}",
            Port: 81,
            Protocol: "HTTP",
            DefaultActions: [
              { Type: "forward", TargetGroupArn: `${PREFIX}:targetgroup/lost/0123456789abcdef` },
            ],
          },
        ],
      ],
    ),
    rule.create(
      "rule",
      {
        listenerArn: "{{http.id}}",
        priority: 10,
        conditions: [condition],
        actions: [{ type: "forward", targetGroupArn: "{{group.id}}" }],
      },
      [
        [
          "elbv2",
          "create_rule",
          {
            ListenerArn: "{{http.Listeners.0.ListenerArn}}",
            Priority: 10,
            Conditions: [Condition],
            Actions: [{ Type: "forward", TargetGroupArn: "{{group.TargetGroups.0.TargetGroupArn}}" }],
          },
        ],
      ],
      { id: "Rules.0.RuleArn", arn: "Rules.0.RuleArn", priority: "Rules.0.Priority" },
    ),
    rule.create(
      "ruleTwice",
      { listenerArn: "{{http.id}}", priority: 10, conditions: [condition], actions: [notFound] },
      [
        [
          "elbv2",
          "create_rule",
          {
            ListenerArn: "{{http.Listeners.0.ListenerArn}}",
            Priority: 10,
            Conditions: [Condition],
            Actions: [NotFound],
          },
        ],
      ],
    ),
    rule.create(
      "ruleNoListener",
      {
        listenerArn: `${PREFIX}:listener/app/web/0123456789abcdef/0123456789abcdef`,
        priority: 11,
        conditions: [condition],
        actions: [notFound],
      },
      [
        [
          "elbv2",
          "create_rule",
          {
            ListenerArn: `${PREFIX}:listener/app/web/0123456789abcdef/0123456789abcdef`,
            Priority: 11,
            Conditions: [Condition],
            Actions: [NotFound],
          },
        ],
      ],
    ),
    rule.create(
      "ruleNoTargets",
      {
        listenerArn: "{{http.id}}",
        priority: 12,
        conditions: [condition],
        actions: [{ type: "forward", targetGroupArn: `${PREFIX}:targetgroup/lost/0123456789abcdef` }],
      },
      [
        [
          "elbv2",
          "create_rule",
          {
            ListenerArn: "{{http.Listeners.0.ListenerArn}}",
            Priority: 12,
            Conditions: [Condition],
            Actions: [{ Type: "forward", TargetGroupArn: `${PREFIX}:targetgroup/lost/0123456789abcdef` }],
          },
        ],
      ],
    ),
    targets.delete("groupInUse", "group", [
      ["elbv2", "delete_target_group", { TargetGroupArn: "{{group.TargetGroups.0.TargetGroupArn}}" }],
    ]),
    rule.delete("ruleGone", "rule", [["elbv2", "delete_rule", { RuleArn: "{{rule.Rules.0.RuleArn}}" }]]),
    targets.delete("groupGone", "group", [
      ["elbv2", "delete_target_group", { TargetGroupArn: "{{group.TargetGroups.0.TargetGroupArn}}" }],
    ]),
    balancer.delete("webGone", "web", [
      ["elbv2", "delete_load_balancer", { LoadBalancerArn: "{{web.LoadBalancers.0.LoadBalancerArn}}" }],
    ]),
  ],
};

export const balancingCases: readonly Case[] = [loadBalancers, listeners];
