import * as cedar from "@cedar-policy/cedar-wasm/nodejs";

/**
 * The only door to Cedar's own evaluator, which is one WebAssembly module a process. What it gives back is turned into values or
 * messages here; what it throws is the caller's to take for a refusal.
 */
export const CEDAR_VERSION = cedar.getCedarVersion();

export interface CedarPolicy {
  readonly effect: "permit" | "forbid";
  readonly annotations: Readonly<Record<string, string>>;
  readonly text: string;
  readonly json: cedar.PolicyJson;
}

export interface CedarRequest {
  readonly principal: cedar.TypeAndId;
  readonly action: cedar.TypeAndId;
  readonly resource: cedar.TypeAndId;
  readonly context: cedar.Context;
  readonly entities: cedar.EntityJson[];
}

export interface CedarAnswer {
  readonly isAllowed: boolean;
  readonly policies: readonly string[];
  readonly errors: readonly string[];
}

export class CedarProblem extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.name = "CedarProblem";
    this.problems = problems;
  }
}

/** The policies of a text, in its order. Throws a CedarProblem. */
export function parsePolicies(text: string): CedarPolicy[] {
  const parts = cedar.policySetTextToParts(text);
  if (parts.type === "failure") throw new CedarProblem(parts.errors.map((error) => located(text, error)));
  if (parts.policy_templates.length > 0)
    throw new CedarProblem(["templates (?principal, ?resource) are not taken: write the policy out"]);
  return parts.policies.map((policy) => {
    const answer = cedar.policyToJson(policy);
    if (answer.type === "failure") throw new CedarProblem(answer.errors.map(({ message }) => message));
    const { effect, annotations = {} } = answer.json;
    return { effect, annotations, text: policy, json: answer.json };
  });
}

/** What is wrong with the policies by the schema: nothing when the lists are empty. */
export function validatePolicies(
  policies: Readonly<Record<string, string>>,
  schema: string,
): { readonly errors: readonly string[]; readonly warnings: readonly string[] } {
  const answer = cedar.validate({ schema, policies: { staticPolicies: { ...policies } } });
  if (answer.type === "failure") return { errors: answer.errors.map(({ message }) => message), warnings: [] };
  return { errors: told(answer.validationErrors), warnings: told(answer.validationWarnings) };
}

/** Cedar tells the same slip once for each operation that it concerns, in no order. */
function told(found: readonly cedar.ValidationError[]): string[] {
  const alike = new Map<string, string[]>();
  for (const { message } of found.map(({ error }) => error)) {
    const key = message.replaceAll(/::Action::"\w+"/g, "");
    alike.set(key, [...(alike.get(key) ?? []), message].toSorted());
  }
  const firsts = [...alike.values()].map(([first = "", ...more]) =>
    more.length === 0 ? first : `${first} (nor for ${more.length} other operations)`,
  );
  return firsts.toSorted();
}

/** Keeps the parsed set under a name, in place of what it named before; on failure that stays. */
export function installPolicies(name: string, policies: Readonly<Record<string, string>>): void {
  const answer = cedar.preparsePolicySet(name, { staticPolicies: { ...policies } });
  if (answer.type === "failure") throw new CedarProblem(answer.errors.map(({ message }) => message));
}

/**
 * Asks a set that was installed. Without the schema: the set was validated against it, requests are made by one function whose tests
 * hold it to the schema, and checking each again takes twice as long as evaluating it.
 */
export function ask(name: string, request: CedarRequest): CedarAnswer {
  const answer = cedar.statefulIsAuthorized({ ...request, preparsedPolicySetId: name });
  if (answer.type === "failure") throw new CedarProblem(answer.errors.map(({ message }) => message));
  const { decision, diagnostics } = answer.response;
  return {
    isAllowed: decision === "allow",
    policies: diagnostics.reason,
    errors: diagnostics.errors.map(({ policyId, error }) => `${policyId}: ${error.message}`),
  };
}

/** What of the requests does not fit the schema, for tests; an empty list when all do. */
export function requestProblems(requests: readonly CedarRequest[], schema: string): readonly string[] {
  const name = "request problems";
  installPolicies(name, { all: "permit (principal, action, resource);" });
  const parsed = cedar.preparseSchema(name, schema);
  if (parsed.type === "failure") return parsed.errors.map(({ message }) => message);
  const names = { preparsedSchemaName: name, preparsedPolicySetId: name };
  return requests.flatMap((request) => {
    const answer = cedar.statefulIsAuthorized({ ...request, ...names, validateRequest: true });
    return answer.type === "failure" ? answer.errors.map(({ message }) => message) : [];
  });
}

function located(text: string, { message, sourceLocations }: cedar.DetailedError): string {
  const [at] = sourceLocations ?? [];
  if (at === undefined) return message;
  // Cedar counts bytes.
  const before = Buffer.from(text, "utf8").subarray(0, at.start).toString("utf8");
  const line = before.split("\n").length;
  return `line ${line}: ${message}${at.label === null ? "" : ` (${at.label})`}`;
}
