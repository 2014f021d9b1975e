import type { Tenant } from "../../contract/tenant.ts";
import type { EnvironmentName, IsolationLevel } from "../../contract/vocabulary.ts";

/**
 * What a request would do, as far as policies look at it. Most of it is read from the request itself, by the names its fields have in
 * the contract, so that an operation that is new to the contract is seen without further ado; an app function adds what
 * only it knows.
 */
export interface PolicyFacts {
  readonly reason?: string | null | undefined;
  readonly plan?: string | undefined;
  readonly planVersion?: number | null | undefined;
  readonly isolation?: IsolationLevel | undefined;
  /** The regions that would be allowed. */
  readonly regions?: readonly string[] | undefined;
  /** Those that the request is about; none named where it is left out. */
  readonly planes?: readonly string[] | undefined;
  readonly environments?: readonly EnvironmentName[] | undefined;
  /** Without the grace period. */
  readonly immediately?: boolean | undefined;
  /** Past windows and freezes. */
  readonly emergency?: boolean | undefined;
  readonly release?: number | undefined;
  /** Metadata of this version of the record would become the current one. */
  readonly recordVersion?: number | undefined;
  /** The tenant as it would be made, where there is none yet. */
  readonly newTenant?: NewTenant | undefined;
}

export type NewTenant = Pick<
  Tenant,
  "slug" | "plan" | "isolation" | "regions" | "labels" | "dataClassification" | "planes"
> & { readonly planVersion?: number | undefined };

/** A request as the contract's schemas gave it back. */
export interface Said {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

export function factsOf({ params, query, body }: Said): PolicyFacts {
  const fields = fieldsOf(body);
  // A change that comes wrapped in its deployment, or in a rollout.
  const wish = { ...fields, ...fieldsOf(fields.change) };
  const emergency = fieldsOf(fields.emergency);
  const facts = {
    reason: textOf(fields.reason) ?? textOf(fieldsOf(query).reason) ?? textOf(emergency.reason),
    plan: textOf(wish.plan),
    planVersion: numberOf(wish.planVersion),
    isolation: textOf(wish.isolation) as IsolationLevel | undefined,
    regions: namesOf(fieldsOf(wish.regions).allowed),
    planes: namesOf(wish.planes) ?? namesOf(fieldsOf(fields.scope).planes),
    immediately: fields.immediately === true ? true : undefined,
    emergency: fields.emergency === undefined ? undefined : true,
    release: numberOf(fields.releaseNumber) ?? numberOf(fieldsOf(fields.change).releaseNumber),
    recordVersion: numberOf(fieldsOf(params).recordVersion),
  };
  return withoutGaps(facts);
}

/** So that what one of two says nothing about does not hide what the other says. */
export function withoutGaps(facts: PolicyFacts): PolicyFacts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}

function namesOf(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.filter((name): name is string => typeof name === "string");
}
