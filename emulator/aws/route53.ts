/** Route 53: hosted zones and records. */
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { flag, objects, text } from "../values.ts";
import { needVpc } from "./ec2Network.ts";
import { api, given, identifiers, need } from "./objects.ts";
import { between, exactlyOne, failure, oneOf, rules } from "./rules.ts";

const ZONE = "aws:route53/zone:Zone";
export const RECORD = "aws:route53/record:Record";

const ZONES_PER_ACCOUNT = 500;
const RECORDS_PER_ZONE = 10_000;
const TYPES = [
  "A",
  "AAAA",
  "CAA",
  "CNAME",
  "DS",
  "HTTPS",
  "MX",
  "NAPTR",
  "NS",
  "PTR",
  "SOA",
  "SPF",
  "SRV",
  "SSHFP",
  "SVCB",
  "TLSA",
  "TXT",
];

/** Lower case, without the final dot. */
export function normalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** "*.example.com" → true, "a..b" → false: labels of up to 63 characters, 255 in all. */
function isDomainName(name: string): boolean {
  const labels = normalName(name).split(".");
  return (
    name.length <= 255 && labels.every((label) => /^(\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)$/.test(label))
  );
}

function domainRule(property: string, code: string) {
  return (inputs: Properties) => {
    const name = text(inputs, property);
    if (name === undefined || name === "" || isDomainName(name)) return undefined;
    return failure(property, code, `${name} is not a valid domain name`);
  };
}

/** Four name servers, one in each of Route 53's top-level domains. */
function nameServers(context: Context): readonly string[] {
  const number = () => Number(context.ids.digits(4)) % 2048;
  const domains = ["awsdns-12.com", "awsdns-34.net", "awsdns-56.org", "awsdns-07.co.uk"];
  return domains.map((domain) => `ns-${number()}.${domain}`).sort();
}

export const zone: ResourceType = {
  token: ZONE,
  api: api("Route 53", "Hosted Zone", [
    "CreateHostedZone",
    "GetHostedZone",
    "UpdateHostedZoneComment",
    "DeleteHostedZone",
  ]),
  scope: "global",
  required: [],
  computed: ["arn", "nameServers", "primaryNameServer", "zoneId"],
  replaceOn: ["name", "delegationSetId"],
  unordered: ["vpcs"],
  writeOnly: ["forceDestroy"],
  taggable: true,
  autoName: { property: "name", maxLength: 255 },
  check: rules(domainRule("name", "InvalidDomainName")),
  defaults: () => ({ comment: "Managed by Pulumi", forceDestroy: false }),
  create(inputs, context) {
    if (context.count(ZONE) >= ZONES_PER_ACCOUNT) {
      throw new AwsError("TooManyHostedZones", `Limits exceeded: hosted zones: ${ZONES_PER_ACCOUNT}`);
    }
    for (const vpc of objects(inputs, "vpcs")) needVpc(context, text(vpc, "vpcId") ?? "");
    const id = `Z${context.ids.upper(20)}`;
    const servers = nameServers(context);
    return {
      id,
      properties: {
        arn: context.arn("route53", `hostedzone/${id}`, { region: "", account: "" }),
        nameServers: servers,
        primaryNameServer: servers[0],
        zoneId: id,
      },
    };
  },
  references: (properties) => objects(properties, "vpcs").flatMap((vpc) => identifiers(vpc, "vpcId")),
  delete(current, context) {
    const records = context.referrers(current.id, RECORD);
    if (flag(current.properties, "forceDestroy") !== true && records.length > 0) {
      const message =
        "The specified hosted zone contains non-required resource record sets and so cannot be deleted.";
      throw new AwsError("HostedZoneNotEmpty", message);
    }
    for (const record of records) context.remove(record);
    return undefined;
  },
};

/** The full name: a name given relative to the zone is completed. */
function fullName(inputs: Properties, owner: StoredResource): string {
  const zoneName = normalName(given(owner.properties, "name"));
  const name = normalName(given(inputs, "name"));
  if (name === "") return zoneName;
  return name === zoneName || name.endsWith(`.${zoneName}`) ? name : `${name}.${zoneName}`;
}

function invalidBatch(message: string): AwsError {
  return new AwsError("InvalidChangeBatch", `[${message}]`);
}

function refuseConflicts(inputs: Properties, name: string, owner: StoredResource, context: Context): void {
  const type = given(inputs, "type");
  const same = context.referrers(owner.id, RECORD).filter(({ properties }) => properties.fqdn === name);
  const twin = same.find(
    ({ properties }) => properties.type === type && properties.setIdentifier === inputs.setIdentifier,
  );
  if (twin !== undefined && flag(inputs, "allowOverwrite") !== true) {
    throw invalidBatch(
      `Tried to create resource record set [name='${name}.', type='${type}'] but it already exists`,
    );
  }
  const others = same.filter(({ properties }) => properties.type !== type);
  const alone =
    type === "CNAME" ? others.length > 0 : others.some(({ properties }) => properties.type === "CNAME");
  if (alone) {
    throw invalidBatch(
      `RRSet of type ${type} with DNS name ${name}. is not permitted as it conflicts with other records with the same DNS name in zone ${given(owner.properties, "name")}.`,
    );
  }
  if (type === "CNAME" && name === normalName(given(owner.properties, "name"))) {
    throw invalidBatch(
      `RRSet of type CNAME with DNS name ${name}. is not permitted at apex in zone ${name}.`,
    );
  }
}

export const record: ResourceType = {
  token: RECORD,
  api: api("Route 53", "Record", [
    "ChangeResourceRecordSets",
    "ListResourceRecordSets",
    "ChangeResourceRecordSets",
    "ChangeResourceRecordSets",
  ]),
  scope: "global",
  required: ["name", "type", "zoneId"],
  computed: ["fqdn"],
  replaceOn: ["zoneId", "name", "type", "setIdentifier"],
  unordered: ["records"],
  writeOnly: ["allowOverwrite"],
  taggable: false,
  check: rules(
    oneOf("type", "InvalidChangeBatch", TYPES),
    domainRule("name", "InvalidChangeBatch"),
    exactlyOne(["records", "aliases"]),
    between("ttl", "InvalidChangeBatch", 0, 2_147_483_647),
  ),
  defaults: () => ({ allowOverwrite: false }),
  create(inputs, context) {
    const zoneId = given(inputs, "zoneId");
    const owner = need(
      context.byId(ZONE, zoneId),
      () => new AwsError("NoSuchHostedZone", `No hosted zone found with ID: ${zoneId}`, 404),
    );
    if (context.referrers(zoneId, RECORD).length >= RECORDS_PER_ZONE) {
      throw invalidBatch(`Number of records limit of ${RECORDS_PER_ZONE} exceeded.`);
    }
    const fqdn = fullName(inputs, owner);
    refuseConflicts(inputs, fqdn, owner, context);
    const set = text(inputs, "setIdentifier");
    const id = [zoneId, fqdn, given(inputs, "type"), ...(set === undefined ? [] : [set])].join("_");
    return { id, properties: { fqdn } };
  },
  references: (properties) => [
    ...identifiers(properties, "zoneId"),
    recordKey(text(properties, "fqdn") ?? "", text(properties, "type") ?? ""),
  ],
  update(inputs, current, context) {
    const owner = context.byId(ZONE, given(current.properties, "zoneId"));
    return owner === undefined ? {} : { properties: { fqdn: fullName(inputs, owner) } };
  },
};

/** Whether any zone of the account answers for this name and type. References hold the key under which it is found. */
export function hasRecord(name: string, type: string, context: Context): boolean {
  return context.referrers(recordKey(name, type), RECORD).length > 0;
}

function recordKey(name: string, type: string): string {
  return `route53 record ${type} ${normalName(name)}`;
}
