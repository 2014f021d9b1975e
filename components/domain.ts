import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import type { Making } from "./making.ts";
import type { Tags } from "./tags.ts";

export interface DomainArgs {
  readonly domain: string;
  /** `*.<domain>` stands in the certificate as well; one and the same record validates both. */
  readonly wildcard?: boolean;
  /** Hosted zone of the parent domain, to delegate from; without it the name servers are set by hand. */
  readonly parentZoneId?: string | undefined;
  readonly comment: string;
  readonly forceDestroy: boolean;
  readonly tags: Tags;
}

export interface Domain {
  readonly zone: aws.route53.Zone;
  readonly certificateArn: pulumi.Output<string>;
}

const VALIDATION_TTL_SECONDS = 300;
const DELEGATION_TTL_SECONDS = 3600;

/** A zone of its own and an issued certificate for one name. Resolves when the certificate is there. */
export function createDomain(make: Making, args: DomainArgs): Domain {
  const { domain, tags } = args;
  const ofDomain = make.child({ deleteBeforeReplace: true });
  const zone = new aws.route53.Zone(
    "domain",
    { name: domain, comment: args.comment, forceDestroy: args.forceDestroy, tags },
    make.kept(),
  );
  if (args.parentZoneId !== undefined) {
    new aws.route53.Record(
      "delegation",
      {
        ...{ zoneId: args.parentZoneId, name: domain, type: "NS", ttl: DELEGATION_TTL_SECONDS },
        records: zone.nameServers,
      },
      ofDomain,
    );
  }
  const certificate = new aws.acm.Certificate(
    "domain",
    {
      domainName: domain,
      ...(args.wildcard === true && { subjectAlternativeNames: [`*.${domain}`] }),
      validationMethod: "DNS",
      tags,
    },
    make.child(),
  );
  const validation = certificate.domainValidationOptions.apply((validations) => {
    const [first] = validations;
    if (first !== undefined) return first;
    throw new Error(`Cannot validate the certificate of ${domain}: ACM must name a record, got none`);
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
    ofDomain,
  );
  const issued = new aws.acm.CertificateValidation(
    "domain",
    { certificateArn: certificate.arn, validationRecordFqdns: [record.fqdn] },
    make.child(),
  );
  return { zone, certificateArn: issued.certificateArn };
}
