/**
 * What the local cloud must know of one AWS resource type, as one value.
 *
 * A type is data plus a few synchronous functions over the account (`Context`). The provider service does the rest
 * for every type alike: required inputs, auto-naming, `__defaults`, default tags and `tagsAll`, the diff with its
 * replacement kinds, previews, name uniqueness, refresh and import, recovery windows, faults, latency, waiting.
 * Each call runs in one database transaction, so a type that throws has changed nothing.
 *
 * Order of a create: `required` → `check` (both also in previews) → `defaults` → uniqueness (`uniqueName`) → `create`
 * → stored → `settle` until it is steady. What is stored and returned is `{...inputs with defaults, ...computed}`.
 */
import type { AwsError } from "./awsError.ts";
import type { Profile } from "./profile.ts";
import type { Properties } from "./values.ts";

export type { AwsError } from "./awsError.ts";
export type { Properties, Value } from "./values.ts";

/** One object of the account. */
export interface StoredResource {
  readonly account: string;
  /** The region, or `GLOBAL_REGION` for services that have none (IAM, Route 53). */
  readonly region: string;
  readonly type: string;
  readonly id: string;
  readonly arn: string | undefined;
  /** What `uniqueName` gave at creation. */
  readonly name: string | undefined;
  readonly properties: Properties;
  /** State that is no property, such as the progress of a deployment; only the type and its runtime read it. */
  readonly runtime: Properties;
  readonly state: "present" | "scheduled_for_deletion";
  /** ISO 8601; set while `state` is "scheduled_for_deletion". The object is gone for good afterwards. */
  readonly deletionAt: string | undefined;
  readonly createdAt: string;
}

export const GLOBAL_REGION = "aws-global";

/** What AWS draws at random; deterministic in tests. */
export interface RandomIds {
  /** Lower-case hex, as in `vpc-0a1b2c3d4e5f60718` (17 digits). */
  hex(length: number): string;
  /** Upper-case letters and digits, as in `AROA…` (17 after the prefix) or `Z…`. */
  upper(length: number): string;
  /** Letters of both cases and digits, as in the six of a secret's ARN. */
  mixed(length: number): string;
  digits(length: number): string;
  uuid(): string;
}

/** The account as one call sees it. All look-ups are in the caller's account and region unless said otherwise. */
export interface Context {
  readonly account: string;
  readonly region: string;
  /** "aws", "aws-cn", "aws-us-gov". */
  readonly partition: string;
  /** "amazonaws.com", "amazonaws.com.cn". */
  readonly dnsSuffix: string;
  /** ARN of the credentials' owner, as sts:GetCallerIdentity tells it. */
  readonly callerArn: string;
  readonly nowMs: number;
  readonly profile: Profile;
  readonly ids: RandomIds;

  /** `arn:aws:ecs:eu-west-1:123456789012:cluster/web`; pass `region: ""` or `account: ""` where AWS leaves them out. */
  arn(service: string, resource: string, parts?: { region?: string; account?: string }): string;

  /** Objects whose deletion is scheduled are not found, except by `byName` and `list` with `scheduled: true`. */
  byId(type: string, id: string): StoredResource | undefined;
  /** Any type, account and region. */
  byArn(arn: string): StoredResource | undefined;
  /** By what the type's `uniqueName` gave, within the type's `uniqueIn`. */
  byName(type: string, name: string, options?: { scheduled?: boolean }): StoredResource | undefined;
  /** Every object of a type: reads them all, so prefer the indexed look-ups where fleets get large. */
  list(type: string, options?: { scheduled?: boolean }): readonly StoredResource[];
  /** How many present objects of a type there are, without reading them; for quotas. */
  count(type: string): number;
  /** The next value of a persisted counter of the account and region, from 1: task definition revisions never repeat. */
  sequence(counter: string): number;
  /** Present objects (of `type`) whose `references` name this identifier, in any region of the account. */
  referrers(identifier: string, type?: string): readonly StoredResource[];

  /** Whether anything was put into a bucket other than through Pulumi. */
  holdsObjects(bucket: string): boolean;

  /** Side effects on other objects: merges into properties; a member set to undefined is removed. */
  change(resource: StoredResource, properties: Properties): void;
  setRuntime(resource: StoredResource, runtime: Properties): void;
  /** Removes a dependent that AWS removes together with its owner. */
  remove(resource: StoredResource): void;
}

export interface CheckFailure {
  /** Input path: "name", "containers[0].image". */
  readonly property: string;
  readonly reason: string;
}

export interface Created {
  readonly id: string;
  /** Computed attributes; undefined removes an input from the outputs. `arn` here also fills the ARN index. */
  readonly properties: Properties;
  readonly runtime?: Properties;
}

/** What AWS calls the type and the calls the provider makes, for error texts. */
export interface AwsApi {
  /** As in "operation error ECS: …". */
  readonly service: string;
  /** As in "creating ECS Service (web): …". */
  readonly noun: string;
  readonly create: string;
  readonly read: string;
  readonly update: string;
  readonly delete: string;
}

export interface AutoName {
  /** The input that is named when the program leaves it out: "name", "bucket", "identifier". */
  readonly property: string;
  readonly maxLength: number;
  /** Lower-cases the logical name (S3, RDS). */
  readonly lowerCase?: boolean;
  /** Appended, as ".fifo" for FIFO queues. */
  suffix?(inputs: Properties): string;
}

/** "settled", how long to wait before asking again, or why it never will be. */
export type Settlement = "settled" | { readonly waitMs: number } | { readonly failed: string };

export interface ResourceType {
  /** As the SDK registers it: "aws:ecs/service:Service". */
  readonly token: string;
  readonly api: AwsApi;
  /** "global": stored under GLOBAL_REGION, visible from every region of the account (IAM, Route 53). Default "region". */
  readonly scope?: "region" | "global";
  /** Inputs that must be present (unknown counts as present). */
  readonly required: readonly string[];
  /** Attributes only AWS sets: unknown while a create is previewed, never inputs of an import. Without id, region, tagsAll. */
  readonly computed: readonly string[];
  /** Input paths whose change replaces: "name", "networkConfiguration.subnets", "rules[*].port". A path covers all below. */
  readonly replaceOn: readonly string[];
  /** For rules a path cannot express; returns further input paths that force replacement. */
  replaceWhen?(oldInputs: Properties, newInputs: Properties): readonly string[];
  /** Computed attributes an update changes: unknown while the update is previewed. */
  readonly computedOnUpdate?: readonly string[];
  /** Lists whose order means nothing (sets in Terraform): "securityGroups", "networkConfiguration.subnets". */
  readonly unordered?: readonly string[];
  /** String inputs that hold JSON and compare by meaning: "policy", "containerDefinitions". */
  readonly json?: readonly string[];
  /** Inputs AWS never returns, so that refresh keeps what the program said: "forceDestroy", "recoveryWindowInDays". */
  readonly writeOnly?: readonly string[];
  /** Attributes always secret in state, hidden in listings. */
  readonly secret?: readonly string[];
  /** Takes tags; the provider's default tags are merged in and `tagsAll` is computed. */
  readonly taggable: boolean;
  readonly autoName?: AutoName;
  /** Default: only when a replacement keeps a name the program chose and `autoName` would have given (as the real provider). */
  readonly deleteBeforeReplace?: boolean;
  /** How long `settle` may take when the program sets no timeout. Default 20 minutes. */
  readonly settleTimeoutMs?: number;

  /** Names, patterns, enums, combinations; runs in previews too, so UNKNOWN occurs: use the accessors of values.ts. */
  check?(inputs: Properties, context: Context): readonly CheckFailure[];
  /** Values for absent inputs (others are ignored); recorded in `__defaults`. Auto-naming is not its concern. */
  defaults?(inputs: Properties, context: Context): Properties;

  /** A name nobody else may hold; prefix it with the parent's where AWS scopes it so ("cluster/web"). */
  uniqueName?(inputs: Properties, context: Context): string | undefined;
  /** Default "region"; "account" and "global" (S3 bucket names) reach further. */
  readonly uniqueIn?: "region" | "account" | "global";
  /**
   * The refusal when the name is taken, also by an object whose deletion is only scheduled.
   * Undefined where AWS answers with the existing object instead (ECS CreateCluster): the create then continues.
   */
  nameTaken?(name: string, holder: StoredResource, context: Context): AwsError | undefined;

  /** Refuses dangling references by throwing AwsError. `inputs` has defaults and no UNKNOWN. */
  create(inputs: Properties, context: Context): Created;
  /** Identifiers (ids, ARNs, names, as `referrers` will ask for them) of the objects this one uses. Indexed. */
  references?(properties: Properties): readonly string[];
  /**
   * Called for changes that do not replace. Returns attributes that end up other than the inputs say. Without it every
   * input is updatable. `oldInputs` are the last deployment's: an input equal to them is not sent to AWS.
   */
  update?(
    inputs: Properties,
    current: StoredResource,
    context: Context,
    oldInputs: Properties,
  ): { readonly properties?: Properties; readonly runtime?: Properties };
  /** Refuses while in use by throwing. Returns when the object really goes, where AWS only schedules it. */
  delete?(current: StoredResource, context: Context): { readonly deletionAt: Date } | undefined;
  /** Attributes that others' objects decide (a role's attached policies), laid over the stored ones at each read. */
  read?(current: StoredResource, context: Context): Properties;
  /** Finds the object of an import id that is not the stored id ("cluster/service"). */
  import?(importId: string, context: Context): StoredResource | undefined;
  /** For what becomes steady later; asked after create and update, outside the transaction. */
  settle?(current: StoredResource, context: Context): Settlement;
}

/** A function the SDK invokes: "aws:index/getRegion:getRegion". */
export interface DataSource {
  readonly token: string;
  readonly api?: { readonly service: string; readonly operation: string };
  invoke(args: Properties, context: Context): Properties;
}
