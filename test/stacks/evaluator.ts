import { createValidatedPolicy, validateResourcePolicy } from "@cloud-copilot/iam-policy";
import { runSimulation, runUnsafeSimulation, type Simulation } from "@cloud-copilot/iam-simulate";
import { keyPolicy } from "../../components/dataKey.ts";

/** One account for all planes: the worst case for anything that two of them might share. */
export const ACCOUNT = "123456789012";

export interface Role {
  readonly name: string;
  readonly arn: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Inline. */
  readonly policies: readonly { readonly name: string; readonly policy: unknown }[];
  readonly attached?: readonly { readonly name: string; readonly policy: unknown }[];
}

/** A request as IAM sees it; context keys are those that the service would send. */
export interface Access {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string | string[]>>;
  /** The policy of the resource itself, such as a role's trust. Keys always bring theirs. */
  readonly resourcePolicy?: unknown;
}

/** A key's own policy decides whether IAM may; the plane's lets the account's IAM decide. */
const KEY_POLICY = createValidatedPolicy(
  keyPolicy({ partition: "aws", region: "eu-west-1", accountId: ACCOUNT }, "arn:aws:logs:*:*:log-group:*"),
  validateResourcePolicy,
  { name: "key" },
);

/** Validates policies, action, resource and context keys, then evaluates. */
export async function allowed(role: Role, boundary: unknown, access: Access): Promise<boolean> {
  // The validator does not know keys that carry a name of the caller's choosing after a colon, and drops them.
  if (access.action.startsWith("kms:")) return allowedUnchecked(role, boundary, access);
  const response = await runSimulation(simulation(role, boundary, access), {});
  if (response.resultType === "error") {
    throw new Error(
      `Cannot evaluate ${access.action} on ${access.resource}: ${JSON.stringify(response.errors)}`,
    );
  }
  const ignored = response.resultType === "single" ? (response.result.ignoredContextKeys ?? []) : [];
  const meant = ignored.filter((key) => access.context !== undefined && key in access.context);
  if (meant.length > 0) throw new Error(`${access.action} does not look at ${meant.join(", ")}`);
  return response.overallResult === "Allowed";
}

/**
 * The same evaluation without the validation, some thirty times faster: for requests whose like was validated before.
 */
export function allowedUnchecked(role: Role, boundary: unknown, access: Access): boolean {
  return runUnsafeSimulation(simulation(role, boundary, access), {}) === "Allowed";
}

function simulation(role: Role, boundary: unknown, access: Access): Simulation {
  const tags = Object.entries(role.tags).map(([key, value]) => [`aws:PrincipalTag/${key}`, value] as const);
  return {
    request: {
      principal: role.arn,
      action: access.action,
      resource: { resource: access.resource, accountId: ACCOUNT },
      contextVariables: { ...Object.fromEntries(tags), ...access.context },
    },
    identityPolicies: [...role.policies, ...(role.attached ?? [])],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(access.resourcePolicy === undefined ? {} : { resourcePolicy: access.resourcePolicy }),
    ...(access.action.startsWith("kms:") ? { resourcePolicy: KEY_POLICY } : {}),
    ...(boundary === undefined
      ? {}
      : { permissionBoundaryPolicies: [{ name: "boundary", policy: boundary }] }),
  };
}
