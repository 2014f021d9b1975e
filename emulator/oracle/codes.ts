/**
 * What our types say of AWS's APIs, against the models AWS publishes: the services and operations they name, the error
 * codes they answer with, and which of those codes the operations declare, because the provider words the others otherwise.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ResourceType } from "../resourceType.ts";

const TYPES_FOLDER = fileURLToPath(new URL("../aws/", import.meta.url));

/** Beginning of a file's name → the services, as botocore calls them, whose types it holds. */
const SERVICES: Readonly<Record<string, readonly string[]>> = {
  acm: ["acm"],
  appAutoScaling: ["application-autoscaling"],
  ec2: ["ec2"],
  ecs: ["ecs"],
  iam: ["iam"],
  kms: ["kms"],
  lb: ["elbv2"],
  logs: ["logs"],
  rds: ["rds"],
  route53: ["route53"],
  s3: ["s3", "s3control"],
  secretsManager: ["secretsmanager"],
  serviceDiscovery: ["servicediscovery"],
  sqs: ["sqs"],
};

export const ALL_SERVICES: readonly string[] = Object.values(SERVICES).flat();

/** Shared by the services' "Common errors" pages, which no API model repeats. */
const COMMON: readonly string[] = [
  "InvalidParameterCombination",
  "InvalidParameterValue",
  "MissingParameter",
  "ValidationError",
  "ValidationException",
];

const S3_ERRORS =
  "The page 'Error responses' of the S3 API reference has it; the API model has few of S3's codes.";

/** Codes that neither a model nor moto has, with where they are known from. */
export const DOCUMENTED_CODES: Readonly<Record<string, string>> = {
  "ec2 InvalidNatGatewayID.NotFound": "CreateRoute answers it for a NAT gateway that is not there.",
  "ec2 SecurityGroupsPerInterfaceLimitExceeded": "The page 'Error codes' of the EC2 API reference has it.",
  "lb UnsupportedCertificate": "CreateListener answers it for a certificate that is not issued.",
  "s3 AccessPointAlreadyOwnedByYou": S3_ERRORS,
  "s3 InvalidURI": S3_ERRORS,
  "s3 KeyTooLongError": S3_ERRORS,
  "s3 MalformedPolicy": S3_ERRORS,
  "s3 PolicyTooLarge": S3_ERRORS,
  "s3 TooManyAccessPoints": S3_ERRORS,
};

export interface PublishedApi {
  /** "Elastic Load Balancing v2". */
  readonly serviceId: string;
  /** Operation → the codes it declares. */
  readonly operations: Readonly<Record<string, readonly string[]>>;
  readonly errors: readonly string[];
  readonly moto: readonly string[];
}

export type PublishedApis = Readonly<Record<string, PublishedApi>>;

/** As the sources write codes: `new AwsError("…"`, `failure(property, "…"`, `code: "…"` and the rules that take one. */
const USES: readonly RegExp[] = [
  /new AwsError\(\s*"([A-Za-z.]+)"/g,
  /failure\(\s*[^,()]+,\s*"([A-Za-z.]+)"/g,
  /code: "([A-Za-z.]+)"/g,
  /(?:oneOf|between|atLeast|domainRule)\(\s*"[^"]+",\s*"([A-Za-z.]+)"/g,
  /policyRule\([^,()]+,[^,()]+,\s*"([A-Za-z.]+)"/g,
];

/** "ecs ClusterNotFoundException" for each code in the sources; files of shared parts belong to no service. */
export function usedCodes(): readonly string[] {
  const files = readdirSync(TYPES_FOLDER).filter((file) => /(?<!\.test)\.ts$/.test(file));
  const codes = files.flatMap((file) => {
    const group = Object.keys(SERVICES).find((beginning) => file.startsWith(beginning));
    if (group === undefined) return [];
    const source = readFileSync(`${TYPES_FOLDER}${file}`, "utf8");
    return USES.flatMap((use) => [...source.matchAll(use)].map((match) => `${group} ${match[1]}`));
  });
  return [...new Set(codes)].sort();
}

/** Codes that nobody else knows. */
export function unknownCodes(used: readonly string[], apis: PublishedApis): readonly string[] {
  return used.filter((use) => {
    const [group = "", code = ""] = use.split(" ");
    const known = (SERVICES[group] ?? []).flatMap((service) => [
      ...(apis[service]?.errors ?? []),
      ...(apis[service]?.moto ?? []),
    ]);
    return !COMMON.includes(code) && !known.includes(code);
  });
}

/** "ECS CreateService" for each operation that a type names and no API has. */
export function unknownOperations(types: readonly ResourceType[], apis: PublishedApis): readonly string[] {
  const known = new Set(
    Object.values(apis).flatMap(({ serviceId, operations }) =>
      Object.keys(operations).map((operation) => `${serviceId} ${operation}`),
    ),
  );
  return operationsOf(types).filter((operation) => !known.has(operation));
}

function operationsOf(types: readonly ResourceType[]): readonly string[] {
  const all = types.flatMap(({ api }) =>
    [api.create, api.read, api.update, api.delete].map((operation) => `${api.service} ${operation}`),
  );
  return [...new Set(all)].sort();
}

/** Per service, the codes in our sources that no operation our types name declares; "all" where it declares none. */
export function undeclaredCodes(
  types: readonly ResourceType[],
  used: readonly string[],
  apis: PublishedApis,
): Readonly<Record<string, "all" | readonly string[]>> {
  const named = new Set(operationsOf(types));
  const entries = Object.entries(SERVICES).flatMap(([group, services]) => {
    const codes = used.filter((use) => use.startsWith(`${group} `)).map((use) => use.slice(group.length + 1));
    return services.map((service) => {
      const { serviceId = "", operations = {} } = apis[service] ?? {};
      const declared = new Set(
        Object.entries(operations)
          .filter(([name]) => named.has(`${serviceId} ${name}`))
          .flatMap(([, declaredHere]) => declaredHere),
      );
      return [serviceId, declared.size === 0 ? "all" : codes.filter((code) => !declared.has(code))] as const;
    });
  });
  return Object.fromEntries(entries.filter(([, codes]) => codes.length > 0));
}
