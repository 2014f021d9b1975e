/**
 * IAM policy documents as AWS checks their grammar: JSON, a known version, statements with an effect and exactly the
 * elements their kind needs. What a policy allows is not evaluated here.
 */
import type { Context } from "../resourceType.ts";

export type PolicyKind = "identity" | "resource" | "trust";

const VERSIONS: readonly unknown[] = ["2012-10-17", "2008-10-17"];
const DOCUMENT_KEYS = new Set(["Version", "Id", "Statement"]);
const STATEMENT_KEYS = new Set([
  "Sid",
  "Effect",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Principal",
  "NotPrincipal",
  "Condition",
]);
const ACTION = /^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$/;

/** What AWS says is wrong with the document, or undefined. */
export function policyFault(policy: string, kind: PolicyKind): string | undefined {
  let document: unknown;
  try {
    document = JSON.parse(policy);
  } catch {
    return "This policy contains invalid Json";
  }
  if (!isRecord(document)) return "Syntax errors in policy.";
  if (Object.keys(document).some((key) => !DOCUMENT_KEYS.has(key))) return "Syntax errors in policy.";
  if (document.Version !== undefined && !VERSIONS.includes(document.Version)) {
    return "The policy must contain a valid version string";
  }
  const statements = asList(document.Statement);
  if (statements.length === 0) return "Syntax errors in policy.";
  for (const statement of statements) {
    const fault = statementFault(statement, kind);
    if (fault !== undefined) return fault;
  }
  return sidFault(statements, kind);
}

function statementFault(statement: unknown, kind: PolicyKind): string | undefined {
  if (!isRecord(statement)) return "Syntax errors in policy.";
  if (Object.keys(statement).some((key) => !STATEMENT_KEYS.has(key))) return "Syntax errors in policy.";
  if (statement.Effect !== "Allow" && statement.Effect !== "Deny") return "Syntax errors in policy.";
  const actions = asList(statement.Action ?? statement.NotAction);
  if (actions.length === 0) return "Policy statement must contain actions.";
  if (!actions.every((action) => typeof action === "string" && ACTION.test(action))) {
    return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
  }
  return elementFault(statement, kind);
}

function elementFault(statement: Record<string, unknown>, kind: PolicyKind): string | undefined {
  const principal = statement.Principal ?? statement.NotPrincipal;
  const resources = asList(statement.Resource ?? statement.NotResource);
  if (kind === "identity" && principal !== undefined)
    return "Policy document should not specify a principal.";
  if (kind !== "identity" && principal === undefined) return "Missing required field Principal";
  if (kind === "trust") return resources.length > 0 ? "Has prohibited field Resource" : undefined;
  if (resources.length === 0) return "Policy statement must contain resources.";
  const bad = resources.find(
    (resource) => typeof resource !== "string" || !(resource === "*" || resource.startsWith("arn:")),
  );
  if (bad === undefined || kind === "resource") return undefined;
  return `Resource ${String(bad)} must be in ARN format or "*".`;
}

function sidFault(statements: readonly unknown[], kind: PolicyKind): string | undefined {
  if (kind === "resource") return undefined;
  const sids = statements.flatMap((statement) => {
    const sid = isRecord(statement) ? statement.Sid : undefined;
    return typeof sid === "string" && sid !== "" ? [sid] : [];
  });
  if (sids.some((sid) => !/^[A-Za-z0-9]*$/.test(sid))) {
    return "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*";
  }
  return new Set(sids).size === sids.length
    ? undefined
    : "Statement IDs (SID) in a single policy must be unique.";
}

/** Roles of this account that the document names as principals and that do not exist. AWS refuses such policies. */
export function danglingPrincipals(policy: string, context: Context): readonly string[] {
  const prefix = context.arn("iam", "role/", { region: "" });
  return principals(policy).filter(
    (principal) => principal.startsWith(prefix) && context.byArn(principal) === undefined,
  );
}

function principals(policy: string): readonly string[] {
  const document: unknown = JSON.parse(policy);
  const statements = isRecord(document) ? asList(document.Statement) : [];
  return statements.flatMap((statement) => {
    const principal = isRecord(statement) ? statement.Principal : undefined;
    const aws = isRecord(principal) ? asList(principal.AWS) : [];
    return aws.filter((item) => typeof item === "string");
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asList(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
