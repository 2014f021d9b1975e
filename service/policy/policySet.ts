import { createHash } from "node:crypto";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { READ_ACTIONS } from "./actions.ts";
import { CEDAR_VERSION, type CedarPolicy, CedarProblem, parsePolicies, validatePolicies } from "./cedar.ts";
import { KNOWN_SET } from "./knownSet.ts";
import { SECURITY_KINDS, type SecurityKind } from "./query.ts";
import { cedarSchema, NAMESPACE } from "./schema.ts";

/**
 * A set of policies as it is read from files. It is taken as a whole or not at all: one policy that does not parse, has no id of its
 * own or does not fit the schema refuses them all, so that what holds is always what somebody has written as one.
 */
export interface PolicyFile {
  readonly name: string;
  readonly text: string;
}

export interface Policy {
  readonly policyId: string;
  readonly effect: "permit" | "forbid";
  readonly reason: string | null;
  readonly advice: string | null;
  readonly security: SecurityKind | null;
  readonly file: string;
  readonly text: string;
}

export interface PolicySet {
  /** SHA-256 of the files' names and texts, hex. */
  readonly version: string;
  readonly files: readonly PolicyFile[];
  readonly policies: ReadonlyMap<string, Policy>;
  /** Whether reading can be denied by it at all: if not, reads need no evaluation. */
  readonly governsReads: boolean;
  readonly warnings: readonly string[];
}

export class PolicySetProblem extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`Cannot take the policies: they must parse and fit the schema, got ${problems.join("; ")}.`);
    this.name = "PolicySetProblem";
    this.problems = problems;
  }
}

export const POLICY_LIMITS = {
  files: 100,
  policies: 500,
  totalBytes: 1024 * 1024,
  problemsShown: 20,
} as const;

const POLICY_ID = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** Sets that were checked before in this process: a service that is started again need not check them again. */
const checked = new Map<string, PolicySet>();
const CHECKED_KEPT = 8;

/** Throws a PolicySetProblem. */
export function readPolicySet(files: readonly PolicyFile[]): PolicySet {
  const version = versionOf(files);
  const known = checked.get(version);
  if (known !== undefined) return known;
  const set = checkedSet(files, version);
  checked.set(version, set);
  const [oldest] = checked.keys();
  if (checked.size > CHECKED_KEPT && oldest !== undefined) checked.delete(oldest);
  return set;
}

export function versionOf(files: readonly PolicyFile[]): string {
  const byName = Object.fromEntries(files.map(({ name, text }) => [name, text]));
  return createHash("sha256").update(canonicalJson(byName)).digest("hex");
}

export function textsOf({ policies }: PolicySet): Record<string, string> {
  return Object.fromEntries([...policies].map(([policyId, { text }]) => [policyId, text]));
}

function checkedSet(files: readonly PolicyFile[], version: string): PolicySet {
  const problems = sizeProblems(files);
  if (problems.length > 0) throw new PolicySetProblem(problems);
  const policies = new Map<string, Policy>();
  const parsed: CedarPolicy[] = [];
  for (const file of files.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
    for (const one of parsedFile(file, problems)) {
      parsed.push(one);
      const policy = policyOf(file, one, problems);
      if (policy === undefined) continue;
      const other = policies.get(policy.policyId);
      if (other !== undefined)
        problems.push(`${file.name}: the id ${policy.policyId} is taken in ${other.file}`);
      policies.set(policy.policyId, policy);
    }
  }
  if (policies.size === 0 && problems.length === 0) problems.push("there is no policy");
  if (policies.size > POLICY_LIMITS.policies) problems.push(`more than ${POLICY_LIMITS.policies} policies`);
  refuse(problems);
  const set = { version, files, policies, governsReads: governsReads(parsed) };
  if (checkDigest(version) === KNOWN_SET) return { ...set, warnings: [] };
  const warnings = checkedBySchema({ ...set, warnings: [] });
  return { ...set, warnings };
}

/** Of all that checking a set depends on; knownSet.ts has that of the project's own. */
export function checkDigest(version: string): string {
  return createHash("sha256")
    .update(canonicalJson({ version, schema: cedarSchema(), cedar: CEDAR_VERSION }))
    .digest("hex");
}

/** Gives the warnings. Throws a PolicySetProblem. */
export function checkedBySchema(set: PolicySet): readonly string[] {
  const { errors, warnings } = validatePolicies(textsOf(set), cedarSchema());
  refuse(errors);
  return warnings;
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new PolicySetProblem(problems.slice(0, POLICY_LIMITS.problemsShown));
}

function sizeProblems(files: readonly PolicyFile[]): string[] {
  const bytes = files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  const problems: string[] = [];
  if (files.length === 0) problems.push("there is no file whose name ends in .cedar");
  if (files.length > POLICY_LIMITS.files) problems.push(`more than ${POLICY_LIMITS.files} files`);
  if (bytes > POLICY_LIMITS.totalBytes) problems.push(`more than ${POLICY_LIMITS.totalBytes} bytes`);
  return problems;
}

function parsedFile({ name, text }: PolicyFile, problems: string[]): CedarPolicy[] {
  try {
    return parsePolicies(text);
  } catch (thrown) {
    if (!(thrown instanceof CedarProblem)) throw thrown;
    problems.push(...thrown.problems.map((problem) => `${name}: ${problem}`));
    return [];
  }
}

function policyOf({ name }: PolicyFile, policy: CedarPolicy, problems: string[]): Policy | undefined {
  const { id = "", reason = null, advice = null, security = null } = policy.annotations;
  const begins = policy.text.slice(0, 60).replaceAll(/\s+/g, " ");
  if (!POLICY_ID.test(id)) {
    problems.push(`${name}: "${begins}…" must have @id with 1 to 64 small letters, digits and dashes`);
    return undefined;
  }
  if (policy.effect === "forbid" && (reason ?? "").trim() === "")
    problems.push(`${name}: ${id} must have @reason, which is what callers are told`);
  const kind = SECURITY_KINDS.find((known) => known === security) ?? null;
  if (security !== null && kind === null)
    problems.push(`${name}: @security of ${id} must be ${SECURITY_KINDS.join(" or ")}, got ${security}`);
  const { effect, text } = policy;
  return { policyId: id, effect, reason, advice, security: kind, file: name, text };
}

/**
 * Reads are free of evaluation as long as some policy permits them all without a condition and none that forbids can mean one. In
 * doubt they are evaluated.
 */
function governsReads(policies: readonly CedarPolicy[]): boolean {
  const openToAll = policies.some(
    ({ effect, json }) =>
      effect === "permit" &&
      json.conditions.length === 0 &&
      json.principal.op === "All" &&
      json.resource.op === "All" &&
      (json.action.op === "All" || namedActions(json).includes("read")),
  );
  const forbidden = policies.some(({ effect, json }) => effect === "forbid" && mayMeanRead(json));
  return !openToAll || forbidden;
}

function mayMeanRead(json: CedarPolicy["json"]): boolean {
  if (json.action.op === "All") return true;
  return namedActions(json).some((name) => name === "read" || READ_ACTIONS.has(name));
}

function namedActions({ action }: CedarPolicy["json"]): readonly string[] {
  if (action.op === "All") return [];
  const entities = "entities" in action ? action.entities : "entity" in action ? [action.entity] : [];
  return entities.flatMap((entity) => {
    const { type, id } = "__entity" in entity ? entity.__entity : entity;
    return type === `${NAMESPACE}::Action` ? [id] : [];
  });
}
