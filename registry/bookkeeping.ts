import type {
  KyselyPlugin,
  OperationNode,
  PluginTransformQueryArgs,
  PluginTransformResultArgs,
  QueryResult,
  RootOperationNode,
  Transaction,
  UnknownRow,
} from "kysely";
import type { Schema } from "./schema.ts";

/** A transaction that may keep the machine's own books: progress, leases, what was last seen. A change is one too. */
export interface Bookkeeping {
  readonly db: Transaction<Schema>;
  /** The time of the transaction, the same for all its rows. */
  readonly now: string;
  /**
   * Waits until nobody else holds the name, and holds it to the end of the transaction: for whoever reads first and writes
   * what follows from it. What is read afterwards is the newest. Take one name a transaction, or always in the same order.
   */
  lock(name: string): Promise<void>;
}

export function operationLock(operationId: string): string {
  return `operation/${operationId}`;
}

type Verb = "insert" | "update" | "delete";

/**
 * What needs no audit event of its own: the journal is evidence itself, the rest is derived, observed or expires.
 * Whoever adds a table here says that nobody will ever ask who changed it.
 */
const BOOKKEEPING: Readonly<Record<string, readonly Verb[]>> = {
  operations: ["update"],
  operation_journal: ["insert"],
  outbox: ["update", "delete"],
  api_key_uses: ["insert", "update"],
  idempotency_keys: ["insert", "update", "delete"],
  target_observations: ["insert", "update"],
  drift_scans: ["update", "delete"],
  drift_scan_targets: ["insert", "update"],
  drift_findings: ["update"],
  drift_scan_findings: ["insert", "update"],
  drift_causes: ["insert", "update"],
  drift_cause_episodes: ["update"],
  drift_schedules: ["update"],
  rollout_targets: ["insert", "update"],
  rollout_preview_groups: ["insert", "delete"],
  domain_looks: ["insert", "update"],
  processes: ["insert", "update", "delete"],
  stack_leases: ["insert", "update"],
  job_leases: ["insert", "update"],
  interrupted_calls: ["insert", "delete"],
  queue_turns: ["insert", "update", "delete"],
  reconcile_leaders: ["insert", "update"],
  breakers: ["insert", "update"],
  reconcile_states: ["insert", "update", "delete"],
  audit_anchors: ["insert"],
  decisions: ["insert", "delete"],
};

const VERBS: Readonly<Record<string, Verb>> = {
  InsertQueryNode: "insert",
  UpdateQueryNode: "update",
  DeleteQueryNode: "delete",
};

/** Watches a transaction's statements and lists those that change state rather than books. */
export class WriteWatch implements KyselyPlugin {
  readonly #stateWrites = new Set<string>();

  /** Such as `update tenants`. */
  get stateWrites(): readonly string[] {
    return [...this.#stateWrites];
  }

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    const write = stateWriteOf(node);
    if (write !== undefined) this.#stateWrites.add(write);
    return node;
  }

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    return result;
  }
}

function stateWriteOf(node: RootOperationNode): string | undefined {
  if (node.kind === "SelectQueryNode") return undefined;
  const verb = VERBS[node.kind];
  // Raw SQL and schema statements tell no table: they count as state.
  if (verb === undefined) return node.kind;
  const table = tableOf(node);
  return BOOKKEEPING[table]?.includes(verb) === true ? undefined : `${verb} ${table}`;
}

/** The first table named in the statement's target clause. */
function tableOf(node: RootOperationNode): string {
  const clause = node as unknown as Record<"into" | "table" | "from", OperationNode | undefined>;
  return findTable(clause.into ?? clause.table ?? clause.from) ?? "?";
}

function findTable(node: unknown): string | undefined {
  if (typeof node !== "object" || node === null) return undefined;
  const { kind, name } = node as { kind?: string; name?: string };
  if (kind === "IdentifierNode") return name;
  for (const child of Object.values(node)) {
    const found = Array.isArray(child) ? child.map(findTable).find((table) => table) : findTable(child);
    if (found !== undefined) return found;
  }
  return undefined;
}
