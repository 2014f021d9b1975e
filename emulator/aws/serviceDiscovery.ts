/** Cloud Map: private DNS namespaces and the services in them. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType } from "../resourceType.ts";
import { object, text } from "../values.ts";
import { needVpc } from "./ec2Network.ts";
import { api, given, identifiers, need } from "./objects.ts";
import { rules, string } from "./rules.ts";

const NAMESPACE = "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace";
const SERVICE = "aws:servicediscovery/service:Service";

const SERVICES_PER_NAMESPACE = 1500;
/** Labels of letters, digits, hyphens and underscores, a hyphen neither first nor last, joined by dots. */
const SERVICE_NAME =
  /^(?:[a-zA-Z0-9_][a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_]|[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9_][a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_]|[a-zA-Z0-9]))*$/;

export const privateDnsNamespace: ResourceType = {
  token: NAMESPACE,
  api: api("ServiceDiscovery", "Private DNS Namespace", [
    "CreatePrivateDnsNamespace",
    "GetNamespace",
    "UpdatePrivateDnsNamespace",
    "DeleteNamespace",
  ]),
  required: ["vpc"],
  computed: ["arn", "hostedZone"],
  replaceOn: ["name", "vpc"],
  taggable: true,
  autoName: { property: "name", maxLength: 255 },
  check: rules(string("name", { code: "InvalidInput", max: 253, pattern: /^[!-~]{1,253}$/ })),
  uniqueName: (inputs) => `${text(inputs, "vpc")} ${text(inputs, "name")}`,
  nameTaken: () => new AwsError("NamespaceAlreadyExists", "Namespace already exists."),
  create(inputs, context) {
    needVpc(context, given(inputs, "vpc"));
    const id = `ns-${context.ids.mixed(16).toLowerCase()}`;
    return {
      id,
      properties: {
        arn: context.arn("servicediscovery", `namespace/${id}`),
        hostedZone: `Z${context.ids.upper(20)}`,
      },
    };
  },
  references: (properties) => identifiers(properties, "vpc"),
  delete(current, context) {
    if (context.referrers(current.id, SERVICE).length > 0) {
      const message = "The specified namespace can't be deleted because it contains services.";
      throw new AwsError("ResourceInUse", message);
    }
    return undefined;
  },
  import: (importId, context) => context.byId(NAMESPACE, importId.split(":")[0] ?? ""),
};

function namespaceOf(inputs: Properties): string | undefined {
  return text(object(inputs, "dnsConfig") ?? {}, "namespaceId") ?? text(inputs, "namespaceId");
}

function refuseBadNamespace(inputs: Properties, context: Context): string | undefined {
  const namespace = namespaceOf(inputs);
  if (namespace === undefined) return undefined;
  need(
    context.byId(NAMESPACE, namespace),
    () => new AwsError("NamespaceNotFound", "The specified namespace doesn't exist."),
  );
  if (context.referrers(namespace, SERVICE).length >= SERVICES_PER_NAMESPACE) {
    throw new AwsError("ResourceLimitExceeded", "Limit of services per namespace exceeded.");
  }
  return namespace;
}

export const service: ResourceType = {
  token: SERVICE,
  api: api("ServiceDiscovery", "Service", ["CreateService", "GetService", "UpdateService", "DeleteService"]),
  required: [],
  computed: ["arn", "type"],
  replaceOn: [
    "name",
    "namespaceId",
    "type",
    "dnsConfig.namespaceId",
    "dnsConfig.routingPolicy",
    "dnsConfig.dnsRecords[*].type",
    "healthCheckConfig.type",
    "healthCheckCustomConfig",
  ],
  writeOnly: ["forceDestroy"],
  taggable: true,
  autoName: { property: "name", maxLength: 127 },
  check: rules(string("name", { code: "InvalidInput", max: 127, pattern: SERVICE_NAME })),
  defaults: () => ({ forceDestroy: false }),
  uniqueName: (inputs) => `${namespaceOf(inputs) ?? ""} ${text(inputs, "name")?.toLowerCase()}`,
  nameTaken: () => new AwsError("ServiceAlreadyExists", "Service already exists."),
  create(inputs, context) {
    const namespace = refuseBadNamespace(inputs, context);
    const id = `srv-${context.ids.mixed(16).toLowerCase()}`;
    return {
      id,
      properties: {
        arn: context.arn("servicediscovery", `service/${id}`),
        namespaceId: namespace,
        type: text(inputs, "type") ?? (inputs.dnsConfig === undefined ? "HTTP" : "DNS_HTTP"),
      },
    };
  },
  references: (properties) => {
    const namespace = namespaceOf(properties);
    return namespace === undefined ? [] : [namespace];
  },
  delete(current, context) {
    // Tasks of an ECS service register as instances, and ECS takes them out again with the service.
    if (context.referrers(given(current.properties, "arn"), "aws:ecs/service:Service").length > 0) {
      const message = "The specified service can't be deleted because it contains instances.";
      throw new AwsError("ResourceInUse", message);
    }
    return undefined;
  },
};
