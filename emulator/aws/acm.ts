/**
 * ACM: certificates, validated by DNS records. A certificate is issued once every record it asks for stands in a
 * hosted zone of the account: that is looked up at each read, so nothing has to watch for it.
 */
import { createHash } from "node:crypto";
import { AwsError } from "../awsError.ts";
import type { Context, Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { objects, text, texts } from "../values.ts";
import { api, given, identifiers, need } from "./objects.ts";
import { hasRecord, normalName } from "./route53.ts";
import { failure, oneOf, rules } from "./rules.ts";

const CERTIFICATE = "aws:acm/certificate:Certificate";

const NAMES_PER_CERTIFICATE = 10;
/** How often a waiting validation looks again. */
const VALIDATION_POLL_MS = 500;
const VALIDATION_TIMEOUT_MS = 75 * 60_000;
const DAY_MS = 86_400_000;
const LIFETIME_DAYS = 395;

const DOMAIN = /^(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])$/;
/** The first name becomes the common name of the certificate. */
const COMMON_NAME_LENGTH = 64;

function domainRule(inputs: Properties) {
  const domain = text(inputs, "domainName");
  if (domain !== undefined && domain.length > COMMON_NAME_LENGTH) {
    const message = `The first domain name can be no longer than ${COMMON_NAME_LENGTH} characters, got '${domain}'.`;
    return failure("domainName", "InvalidDomainValidationOptionsException", message);
  }
  const bad = [domain, ...texts(inputs, "subjectAlternativeNames")].find(
    (name) => name !== undefined && !DOMAIN.test(name),
  );
  if (bad === undefined) return undefined;
  const message = `1 validation error detected: Value '${bad}' at 'domainName' failed to satisfy constraint: Member must satisfy regular expression pattern: ${DOMAIN.source}`;
  return failure("domainName", "ValidationException", message);
}

function namesOf(inputs: Properties): readonly string[] {
  return [...new Set([given(inputs, "domainName"), ...texts(inputs, "subjectAlternativeNames")])];
}

function fingerprint(...parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 32);
}

/** A name and its wildcard share one record; the same account asks for the same record again and again. */
function validationOption(name: string, context: Context): Properties {
  const base = normalName(name).replace(/^\*\./, "");
  return {
    domainName: name,
    resourceRecordName: `_${fingerprint(context.account, base)}.${base}.`,
    resourceRecordType: "CNAME",
    resourceRecordValue: `_${fingerprint("value", context.account, base)}.jkddzztszm.acm-validations.aws.`,
  };
}

function isValidated(certificate: Properties, context: Context): boolean {
  if (text(certificate, "validationMethod") !== "DNS") return text(certificate, "type") !== "AMAZON_ISSUED";
  return objects(certificate, "domainValidationOptions").every((option) =>
    hasRecord(given(option, "resourceRecordName"), "CNAME", context),
  );
}

/** The attributes that a validation changes. */
function issuance(certificate: StoredResource, context: Context): Properties {
  const issued = isValidated(certificate.properties, context);
  if (!issued)
    return { status: "PENDING_VALIDATION", notBefore: "", notAfter: "", renewalEligibility: "INELIGIBLE" };
  const createdMs = Date.parse(certificate.createdAt);
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  return {
    status: "ISSUED",
    notBefore: `${day(createdMs)}T00:00:00Z`,
    notAfter: `${day(createdMs + LIFETIME_DAYS * DAY_MS)}T23:59:59Z`,
    renewalEligibility: context.referrers(certificate.id).length > 0 ? "ELIGIBLE" : "INELIGIBLE",
  };
}

export const certificate: ResourceType = {
  token: CERTIFICATE,
  api: api("ACM", "Certificate", [
    "RequestCertificate",
    "DescribeCertificate",
    "UpdateCertificateOptions",
    "DeleteCertificate",
  ]),
  required: [],
  computed: [
    "arn",
    "domainValidationOptions",
    "notAfter",
    "notBefore",
    "pendingRenewal",
    "renewalEligibility",
    "renewalSummaries",
    "status",
    "type",
    "validationEmails",
  ],
  replaceOn: [
    "certificateAuthorityArn",
    "domainName",
    "keyAlgorithm",
    "subjectAlternativeNames",
    "validationMethod",
    "validationOptions",
  ],
  unordered: ["subjectAlternativeNames", "validationOptions"],
  secret: ["privateKey"],
  taggable: true,
  // A listener holds the old certificate until it has the new one.
  deleteBeforeReplace: false,
  check: rules(
    domainRule,
    oneOf("validationMethod", "ValidationException", ["DNS", "EMAIL", "HTTP", "NONE"]),
  ),
  create(inputs, context) {
    if (text(inputs, "domainName") === undefined && inputs.privateKey === undefined) {
      throw new AwsError("ValidationException", "Either a domainName or a privateKey must be given.");
    }
    const imported = inputs.privateKey !== undefined;
    const names = imported ? [] : namesOf(inputs);
    if (names.length > NAMES_PER_CERTIFICATE) {
      const message = `Error: the number of domain names exceeds the limit of ${NAMES_PER_CERTIFICATE}`;
      throw new AwsError("LimitExceededException", message);
    }
    const arn = context.arn("acm", `certificate/${context.ids.uuid()}`);
    const byDns = text(inputs, "validationMethod") === "DNS";
    return {
      id: arn,
      properties: {
        arn,
        domainValidationOptions: byDns ? names.map((name) => validationOption(name, context)) : [],
        keyAlgorithm: text(inputs, "keyAlgorithm") ?? "RSA_2048",
        notAfter: "",
        notBefore: "",
        options: inputs.options ?? {
          certificateTransparencyLoggingPreference: "ENABLED",
          export: "DISABLED",
        },
        pendingRenewal: false,
        renewalEligibility: "INELIGIBLE",
        renewalSummaries: [],
        status: imported ? "ISSUED" : "PENDING_VALIDATION",
        subjectAlternativeNames: inputs.subjectAlternativeNames ?? names,
        type: imported ? "IMPORTED" : "AMAZON_ISSUED",
        validationEmails: [],
        validationMethod: text(inputs, "validationMethod") ?? "NONE",
      },
    };
  },
  read: issuance,
  delete(current, context) {
    const users = context.referrers(current.id).filter((user) => user.type.startsWith("aws:lb/"));
    if (users.length > 0) {
      const message = `Certificate ${current.id} is in use. Please remove it from all resources before deleting.`;
      throw new AwsError("ResourceInUseException", message);
    }
    return undefined;
  },
};

/** A listener takes issued certificates only. */
export function isIssued(found: StoredResource, context: Context): boolean {
  return isValidated(found.properties, context);
}

export const certificateValidation: ResourceType = {
  token: "aws:acm/certificateValidation:CertificateValidation",
  api: api("ACM", "Certificate Validation", [
    "DescribeCertificate",
    "DescribeCertificate",
    "DescribeCertificate",
    "DescribeCertificate",
  ]),
  required: ["certificateArn"],
  computed: [],
  replaceOn: ["certificateArn", "validationRecordFqdns"],
  unordered: ["validationRecordFqdns"],
  taggable: false,
  settleTimeoutMs: VALIDATION_TIMEOUT_MS,
  create(inputs, context) {
    const arn = given(inputs, "certificateArn");
    const found = need(
      context.byId(CERTIFICATE, arn),
      () => new AwsError("ResourceNotFoundException", `Could not find certificate ${arn}.`),
    );
    refuseMissingRecords(inputs, found);
    return { id: `${arn}/validation/${context.nowMs}`, properties: {} };
  },
  references: (properties) => identifiers(properties, "certificateArn"),
  settle(current, context) {
    const found = context.byId(CERTIFICATE, given(current.properties, "certificateArn"));
    if (found === undefined) return { failed: "the certificate was deleted" };
    return isValidated(found.properties, context) ? "settled" : { waitMs: VALIDATION_POLL_MS };
  },
};

/** The provider itself compares the records the program names with those the certificate asks for. */
function refuseMissingRecords(inputs: Properties, found: StoredResource): void {
  const given = new Set(texts(inputs, "validationRecordFqdns").map(normalName));
  if (given.size === 0) return;
  const missing = objects(found.properties, "domainValidationOptions")
    .map((option) => normalName(text(option, "resourceRecordName") ?? ""))
    .filter((name) => !given.has(name));
  if (missing.length === 0) return;
  throw new AwsError("ValidationException", `missing DNS validation records: ${missing.join(", ")}`);
}
