import type { OperationId } from "../../contract/routes.ts";
import type { ApiOperation } from "../api/description.ts";
import { apiOperations } from "../api/description.ts";
import { apiCommand } from "./apiCommand.ts";
import { kebab } from "./fields.ts";
import type { CommandSpec } from "./spec.ts";

/**
 * Every command. Those of the API are made from its description: `tenantCreate` is `tenant create`, its fields are the
 * options, so that what the service learns to do, the client can do, under the same name. Written by hand are only
 * those that do more than one request.
 */
export const NOUNS: Readonly<Record<string, string>> = {
  tenant: "Customers, from draft to deletion",
  contact: "Whom to tell of a tenant: technical, billing, incident",
  "external-id": "Tenants by the ids that other systems have for them",
  domain: "Names of tenants' own, proven by DNS",
  target: "A tenant on one plane",
  operation: "Durable changes: follow, cancel, try again",
  release: "Immutable sets of images and settings",
  rollout: "Changes brought to the fleet in waves",
  drift: "What differs from what is recorded",
  plan: "What tenants pay for, by version",
  entitlement: "What tenants may do, and why",
  flag: "Feature flags per tenant or cohort",
  quota: "Whether a tenant may use more",
  "limit-override": "Other limits for a tenant, for a while",
  meter: "What can be measured",
  usage: "What tenants have used",
  pin: "Tenants held at a release",
  window: "When tenants and planes may be changed",
  incident: "What is wrong, and whom it hits",
  impact: "Which tenants something touches",
  breaker: "Planes and regions where nothing new is started",
  plane: "Shared infrastructure of an environment in a region",
  manifest: "Tenants as YAML files",
  reconcile: "What is not as declared",
  connector: "What tenants can be connected with",
  integration: "Connectors as tenants have them",
  routing: "What routers go by, version by version",
  policy: "What is asked before every change",
  residency: "Where tenants' data may be",
  audit: "The hash-chained trail of everything that was done",
  evidence: "What is on record of a tenant for a period, signed",
  retention: "How long each class of data is kept",
  archive: "Data kept of archived tenants",
  placement: "Where a tenant was put, and why",
  certificate: "Proof of what was removed of a deleted tenant",
  "legal-hold": "Tenants of which nothing may be deleted",
  "signing-key": "Public keys of deletion certificates",
  "api-key": "Keys of the API",
  service: "The control service itself",
  profile: "Where the service is, and with which key",
  api: "Any request, for what has no command of its own",
};

/** Beginnings of operation ids that are not the noun of their command. */
const PREFIXES: Readonly<Record<string, string>> = { auditEvent: "audit" };
const WORDS = [...Object.keys(NOUNS).map(camel), ...Object.keys(PREFIXES)].sort(
  (left, right) => right.length - left.length,
);

/** Where the derived name would be worse than another. */
const NAMED: Readonly<Partial<Record<string, string>>> = {
  driftScanCreate: "drift scan",
  driftFindingList: "drift list",
  driftCauseList: "drift causes",
  driftCauseGet: "drift cause",
  driftCauseFindingList: "drift cause-findings",
  driftIgnoreCreate: "drift ignore",
  driftRepairCreate: "drift repair",
  tenantHealthList: "tenant health",
  auditVerification: "audit verification",
  auditDecisionList: "audit decisions",
  auditCheckpointCreate: "audit checkpoint",
  tenantAuditProof: "audit proof",
};

/** No use in a terminal, or part of a command that is written by hand. */
const LEFT_OUT: ReadonlySet<string> = new Set<OperationId>([
  "operationEvents",
  "serviceOpenapi",
  "serviceDocs",
  "planApply",
  "manifestApply",
  "manifestDiff",
  "manifestExport",
  "manifestList",
  "rolloutPreview",
  "rolloutPreviewGet",
  "tenantEvidence",
]);

const BY_HAND: Readonly<Record<string, () => Promise<readonly CommandSpec[]>>> = {
  api: async () => [(await import("./rawCommand.ts")).rawCommand],
  audit: async () => (await import("../audit/commands.ts")).auditCommands,
  evidence: async () => (await import("../evidence/commands.ts")).evidenceCommands,
  drift: async () => (await import("../drift/commands.ts")).driftCommands,
  manifest: async () => (await import("../manifest/commands.ts")).manifestCommands,
  operation: async () => (await import("../follow/commands.ts")).operationCommands,
  plan: async () => (await import("../plan/commands.ts")).planCommands,
  release: async () => (await import("../release/commands.ts")).releaseCommands,
  rollout: async () => (await import("../rollout/commands.ts")).rolloutCommands,
  profile: async () => (await import("../settings/commands.ts")).profileCommands,
};

function camel(noun: string): string {
  return noun.replace(/-(\w)/g, (_whole, letter: string) => letter.toUpperCase());
}

export function commandName(id: string): readonly [noun: string, verb: string] {
  const named = NAMED[id];
  if (named !== undefined) return named.split(" ") as [string, string];
  const prefix =
    WORDS.find((word) => id.startsWith(word) && /^[A-Z]/.test(id.slice(word.length))) ??
    /^[a-z]+/.exec(id)?.[0] ??
    id;
  return [PREFIXES[prefix] ?? kebab(prefix), kebab(id.slice(prefix.length)) || "get"];
}

function derived(): (readonly [string, ApiOperation])[] {
  return [...apiOperations().values()]
    .filter(({ id }) => !LEFT_OUT.has(id))
    .map((operation) => [commandName(operation.id)[0], operation] as const);
}

export function nouns(): string[] {
  const known = Object.keys(NOUNS);
  const found = new Set([...derived().map(([noun]) => noun), ...Object.keys(BY_HAND)]);
  return [
    ...known.filter((noun) => found.has(noun)),
    ...[...found].filter((noun) => !known.includes(noun)).sort(),
  ];
}

/** A hand-written command takes the place of the derived one of its name. */
export async function commandsOf(noun: string): Promise<CommandSpec[]> {
  const byHand = (await BY_HAND[noun]?.()) ?? [];
  const made = derived()
    .filter(([its]) => its === noun)
    .map(([, operation]) => apiCommand(operation, commandName(operation.id)))
    .filter(({ verb }) => !byHand.some((command) => command.verb === verb));
  return [...made, ...byHand];
}

export async function allCommands(): Promise<CommandSpec[]> {
  return (await Promise.all(nouns().map(commandsOf))).flat();
}
