import { z } from "zod";
import type { Properties, Value } from "../values.ts";
import { UNKNOWN } from "../values.ts";

const SubnetSpec = z.object({
  type: z.enum(["Public", "Private", "Isolated", "Unused"]),
  name: z.string().min(1).exactOptional(),
  cidrMask: z.number().int().min(16).max(28).exactOptional(),
  size: z.number().int().min(16).max(65_536).exactOptional(),
  cidrBlocks: z.array(z.string()).exactOptional(),
  tags: z.record(z.string(), z.string()).exactOptional(),
});

const VpcEndpointSpec = z
  .custom<Properties>((value) => typeof value === "object" && value !== null)
  .refine((spec) => typeof spec.serviceName === "string", "serviceName must be a string");

/** Prompt arguments of the component; what only passes through to the VPC stays a plain value. */
const VpcArgs = z.object({
  cidrBlock: z.string().default("10.0.0.0/16"),
  availabilityZoneNames: z.array(z.string()).min(1).exactOptional(),
  numberOfAvailabilityZones: z.number().int().min(1).max(6).exactOptional(),
  availabilityZoneCidrMask: z.number().int().min(16).max(28).exactOptional(),
  natGateways: z
    .object({
      strategy: z.enum(["None", "Single", "OnePerAz"]).default("OnePerAz"),
      elasticIpAllocationIds: z.array(z.string()).default([]),
    })
    .default({ strategy: "OnePerAz", elasticIpAllocationIds: [] }),
  subnetStrategy: z.enum(["Legacy", "Auto", "AutoMerge", "Exact"]).default("Legacy"),
  subnetSpecs: z.array(SubnetSpec).exactOptional(),
  vpcEndpointSpecs: z.array(VpcEndpointSpec).default([]),
});

export interface ParsedVpcArgs extends z.infer<typeof VpcArgs> {
  readonly tags: Readonly<Record<string, Value>>;
  /** Inputs of the VPC itself. */
  readonly passedOn: Properties;
}

const PASSED_ON = [
  "assignGeneratedIpv6CidrBlock",
  "enableDnsHostnames",
  "enableDnsSupport",
  "enableNetworkAddressUsageMetrics",
  "instanceTenancy",
  "ipv6CidrBlock",
  "ipv6CidrBlockNetworkBorderGroup",
  "region",
] as const;

const REFUSED = ["ipv4IpamPoolId", "ipv4NetmaskLength", "ipv6IpamPoolId", "ipv6NetmaskLength"] as const;

export function parseVpcArgs(inputs: Properties): ParsedVpcArgs {
  const refused = REFUSED.find((key) => inputs[key] !== undefined);
  if (refused !== undefined) {
    throw new Error(`Cannot imitate awsx:ec2:Vpc: ${refused} is not emulated. Give cidrBlock instead.`);
  }
  const { tags, ...rest } = inputs;
  const parsed = VpcArgs.safeParse(withoutUnknown(rest));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`Cannot construct awsx:ec2:Vpc: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const args = parsed.data;
  if (args.availabilityZoneNames !== undefined && args.numberOfAvailabilityZones !== undefined) {
    throw new Error("Only one of [availabilityZoneNames] and [numberOfAvailabilityZones] can be specified");
  }
  return {
    ...args,
    tags:
      typeof tags === "object" && tags !== null && !Array.isArray(tags)
        ? definedMembers(tags as Properties)
        : {},
    passedOn: Object.fromEntries(PASSED_ON.map((key) => [key, inputs[key]])),
  };
}

function definedMembers(properties: Properties): Record<string, Value> {
  const members: Record<string, Value> = {};
  for (const [key, value] of Object.entries(properties)) if (value !== undefined) members[key] = value;
  return members;
}

/** Prompt arguments are plain in the SDK; an unknown can only hide in what is passed on. */
function withoutUnknown(properties: Properties): Properties {
  return Object.fromEntries(
    Object.entries(properties).filter(([, value]) => value !== UNKNOWN && value !== null),
  );
}
