/** Route 53, ACM, Cloud Map: how things are found by name. */
import type { Case } from "../case.ts";
import { asSetup, on } from "../case.ts";
import { network } from "./network.ts";

const zone = on("aws:route53/zone:Zone");
const record = on("aws:route53/record:Record");
const certificate = on("aws:acm/certificate:Certificate");
const validation = on("aws:acm/certificateValidation:CertificateValidation");
const namespace = on("aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace");
const service = on("aws:servicediscovery/service:Service");

const ZONE = "{{zone.HostedZone.Id}}";

function put(name: string, type: string, values: readonly string[], zoneId = ZONE) {
  const set = { Name: name, Type: type, TTL: 60, ResourceRecords: values.map((Value) => ({ Value })) };
  return [
    [
      "route53",
      "change_resource_record_sets",
      { HostedZoneId: zoneId, ChangeBatch: { Changes: [{ Action: "CREATE", ResourceRecordSet: set }] } },
    ],
  ] as const;
}

const zones: Case = {
  name: "zones",
  steps: [
    zone.create(
      "zone",
      { name: "example.com" },
      [["route53", "create_hosted_zone", { Name: "example.com", CallerReference: "1" }]],
      { nameServers: "DelegationSet.NameServers" },
    ),
    zone.create("zoneTwin", { name: "example.com" }, [
      ["route53", "create_hosted_zone", { Name: "example.com", CallerReference: "2" }],
    ]),
    zone.create("badName", { name: "a..com" }, [
      ["route53", "create_hosted_zone", { Name: "a..com", CallerReference: "3" }],
    ]),
    record.create(
      "record",
      { zoneId: "{{zone.id}}", name: "www", type: "A", ttl: 60, records: ["192.0.2.1"] },
      [
        ...put("www.example.com", "A", ["192.0.2.1"]),
        ["route53", "list_resource_record_sets", { HostedZoneId: ZONE, StartRecordName: "www.example.com" }],
      ],
      { type: "ResourceRecordSets.0.Type", ttl: "ResourceRecordSets.0.TTL" },
    ),
    record.create(
      "recordTwice",
      { zoneId: "{{zone.id}}", name: "www", type: "A", ttl: 60, records: ["192.0.2.1"] },
      put("www.example.com", "A", ["192.0.2.1"]),
    ),
    record.create(
      "recordNoZone",
      { zoneId: "Z0123456789ABCDEFGHIJ", name: "www", type: "A", ttl: 60, records: ["192.0.2.1"] },
      put("www.example.com", "A", ["192.0.2.1"], "Z0123456789ABCDEFGHIJ"),
    ),
    record.create(
      "cnameBeside",
      { zoneId: "{{zone.id}}", name: "www", type: "CNAME", ttl: 60, records: ["x.example.com"] },
      put("www.example.com", "CNAME", ["x.example.com"]),
    ),
    record.create(
      "cnameAtApex",
      { zoneId: "{{zone.id}}", name: "example.com", type: "CNAME", ttl: 60, records: ["x.example.com"] },
      put("example.com", "CNAME", ["x.example.com"]),
    ),
    record.create(
      "badType",
      { zoneId: "{{zone.id}}", name: "odd", type: "ODD", ttl: 60, records: ["x"] },
      put("odd.example.com", "ODD", ["x"]),
    ),
    zone.delete("zoneInUse", "zone", [["route53", "delete_hosted_zone", { Id: ZONE }]]),
  ],
};

const requested = certificate.create(
  "certificate",
  { domainName: "*.example.com", validationMethod: "DNS" },
  [
    ["acm", "request_certificate", { DomainName: "*.example.com", ValidationMethod: "DNS" }],
    ["acm", "describe_certificate", { CertificateArn: "{{own.CertificateArn}}" }],
  ],
  {
    id: "CertificateArn",
    arn: "CertificateArn",
    status: "Certificate.Status",
    type: "Certificate.Type",
    keyAlgorithm: "Certificate.KeyAlgorithm",
    renewalEligibility: "Certificate.RenewalEligibility",
    subjectAlternativeNames: "Certificate.SubjectAlternativeNames",
    "domainValidationOptions.0.resourceRecordName":
      "Certificate.DomainValidationOptions.0.ResourceRecord.Name",
    "domainValidationOptions.0.resourceRecordType":
      "Certificate.DomainValidationOptions.0.ResourceRecord.Type",
    "domainValidationOptions.0.resourceRecordValue":
      "Certificate.DomainValidationOptions.0.ResourceRecord.Value",
  },
);

const LOST = "arn:aws:acm:eu-west-1:123456789012:certificate/2f1b8c0e-0a5c-4f3e-9d57-1f0f7c0b9a11";

const certificates: Case = {
  name: "certificates",
  steps: [
    requested,
    certificate.create("longName", { domainName: `${"a".repeat(60)}.example.com`, validationMethod: "DNS" }, [
      [
        "acm",
        "request_certificate",
        { DomainName: `${"a".repeat(60)}.example.com`, ValidationMethod: "DNS" },
      ],
    ]),
    certificate.create("badName", { domainName: "a_b", validationMethod: "DNS" }, [
      ["acm", "request_certificate", { DomainName: "a_b", ValidationMethod: "DNS" }],
    ]),
    validation.create(
      "validation",
      { certificateArn: "{{certificate.arn}}" },
      [["acm", "describe_certificate", { CertificateArn: "{{certificate.CertificateArn}}" }]],
      { certificateArn: "Certificate.CertificateArn" },
    ),
    validation.create("validationLost", { certificateArn: LOST }, [
      ["acm", "describe_certificate", { CertificateArn: LOST }],
    ]),
  ],
};

const internal = namespace.create(
  "internal",
  { name: "internal", vpc: "{{vpc.id}}" },
  [
    [
      "servicediscovery",
      "create_private_dns_namespace",
      { Name: "internal", Vpc: "{{vpc.Vpc.VpcId}}", CreatorRequestId: "1" },
    ],
    ["servicediscovery", "list_namespaces", {}],
    ["servicediscovery", "get_namespace", { Id: "{{own.Namespaces.0.Id}}" }],
  ],
  {
    id: "Namespace.Id",
    arn: "Namespace.Arn",
    name: "Namespace.Name",
    hostedZone: "Namespace.Properties.DnsProperties.HostedZoneId",
  },
);
const dns = { namespaceId: "{{internal.id}}", dnsRecords: [{ type: "A", ttl: 10 }] };
const Dns = { NamespaceId: "{{internal.Namespace.Id}}", DnsRecords: [{ Type: "A", TTL: 10 }] };

const discovery: Case = {
  name: "discovery",
  steps: [
    asSetup(network),
    internal,
    namespace.create("internalTwice", { name: "internal", vpc: "{{vpc.id}}" }, [
      [
        "servicediscovery",
        "create_private_dns_namespace",
        { Name: "internal", Vpc: "{{vpc.Vpc.VpcId}}", CreatorRequestId: "2" },
      ],
    ]),
    service.create(
      "service",
      { name: "api", dnsConfig: dns },
      [["servicediscovery", "create_service", { Name: "api", CreatorRequestId: "3", DnsConfig: Dns }]],
      {
        id: "Service.Id",
        arn: "Service.Arn",
        name: "Service.Name",
        type: "Service.Type",
        namespaceId: "Service.NamespaceId",
      },
    ),
    service.create("serviceTwice", { name: "api", dnsConfig: dns }, [
      ["servicediscovery", "create_service", { Name: "api", CreatorRequestId: "4", DnsConfig: Dns }],
    ]),
    service.create(
      "serviceLost",
      { name: "lost", dnsConfig: { ...dns, namespaceId: "ns-0123456789abcdef" } },
      [
        [
          "servicediscovery",
          "create_service",
          {
            Name: "lost",
            CreatorRequestId: "5",
            DnsConfig: { ...Dns, NamespaceId: "ns-0123456789abcdef" },
          },
        ],
      ],
    ),
    service.delete("serviceGone", "service", [
      ["servicediscovery", "delete_service", { Id: "{{service.Service.Id}}" }],
    ]),
    namespace.delete("internalGone", "internal", [
      ["servicediscovery", "delete_namespace", { Id: "{{internal.Namespace.Id}}" }],
    ]),
    { ...asSetup(internal), name: "second" },
    service.create("held", { name: "api", dnsConfig: { ...dns, namespaceId: "{{second.id}}" } }, [
      [
        "servicediscovery",
        "create_service",
        { Name: "api", CreatorRequestId: "6", DnsConfig: { ...Dns, NamespaceId: "{{second.Namespace.Id}}" } },
      ],
    ]),
    namespace.delete("namespaceInUse", "second", [
      ["servicediscovery", "delete_namespace", { Id: "{{second.Namespace.Id}}" }],
    ]),
  ],
};

export const namingCases: readonly Case[] = [zones, certificates, discovery];
