/** The functions programs invoke. */
import type { Context, DataSource, Properties } from "../resourceType.ts";
import { count, flag, text } from "../values.ts";
import { zoneId, zoneNames } from "./regions.ts";

const callerIdentity: DataSource = {
  token: "aws:index/getCallerIdentity:getCallerIdentity",
  api: { service: "STS", operation: "GetCallerIdentity" },
  invoke: (_args, context) => ({
    id: context.account,
    accountId: context.account,
    arn: context.callerArn,
    userId: `AROA${context.account}00000:local`,
  }),
};

const REGION_NAMES: Readonly<Record<string, string>> = {
  "eu-central-1": "Europe (Frankfurt)",
  "eu-west-1": "Europe (Ireland)",
  "us-east-1": "US East (N. Virginia)",
};

const region: DataSource = {
  token: "aws:index/getRegion:getRegion",
  api: { service: "EC2", operation: "DescribeRegions" },
  invoke(args, context) {
    const name = text(args, "region") ?? text(args, "name") ?? context.region;
    return {
      id: name,
      name,
      region: name,
      description: REGION_NAMES[name] ?? name,
      endpoint: `ec2.${name}.${context.dnsSuffix}`,
    };
  },
};

const partition: DataSource = {
  token: "aws:index/getPartition:getPartition",
  invoke: (_args, context) => ({
    id: context.partition,
    partition: context.partition,
    dnsSuffix: context.dnsSuffix,
    reverseDnsPrefix: context.dnsSuffix.split(".").reverse().join("."),
  }),
};

function filteredZones(args: Properties, context: Context): readonly string[] {
  const excluded = Array.isArray(args.excludeNames) ? args.excludeNames : [];
  return zoneNames(context.region).filter((zone) => !excluded.includes(zone));
}

const availabilityZones: DataSource = {
  token: "aws:index/getAvailabilityZones:getAvailabilityZones",
  api: { service: "EC2", operation: "DescribeAvailabilityZones" },
  invoke(args, context) {
    const names = text(args, "state") === "unavailable" ? [] : filteredZones(args, context);
    return {
      ...args,
      id: context.region,
      region: context.region,
      groupNames: [context.region],
      names,
      zoneIds: names.map((zone) => zoneId(context.region, zone)),
    };
  },
};

const LOWER = "abcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";
const PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const DEFAULT_LENGTH = 32;

/** The characters of the kinds that are not excluded. */
function alphabet(args: Properties): string {
  const kinds: readonly (readonly [string, string])[] = [
    ["excludeLowercase", LOWER],
    ["excludeUppercase", LOWER.toUpperCase()],
    ["excludeNumbers", DIGITS],
    ["excludePunctuation", PUNCTUATION],
  ];
  const included = kinds.filter(([exclude]) => flag(args, exclude) !== true).map(([, letters]) => letters);
  const excluded = text(args, "excludeCharacters") ?? "";
  const space = flag(args, "includeSpace") === true ? " " : "";
  return [...included.join(""), ...space].filter((letter) => !excluded.includes(letter)).join("");
}

const randomPassword: DataSource = {
  token: "aws:secretsmanager/getRandomPassword:getRandomPassword",
  api: { service: "Secrets Manager", operation: "GetRandomPassword" },
  invoke(args, context) {
    const letters = alphabet(args);
    const length = count(args, "passwordLength") ?? DEFAULT_LENGTH;
    const draw = () => letters[Number.parseInt(context.ids.hex(8), 16) % letters.length] ?? "";
    const password = Array.from({ length }, draw).join("");
    return { ...args, id: password, randomPassword: password, region: context.region };
  },
};

export const dataSources: readonly DataSource[] = [
  callerIdentity,
  region,
  partition,
  availabilityZones,
  randomPassword,
];
