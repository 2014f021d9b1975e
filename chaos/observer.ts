import Database from "better-sqlite3";

/** A step that runs now, as the registry has it. */
export interface RunningStep {
  readonly operationId: string;
  /** `<operation kind>/<step>`, `<operation kind>/undo <step>`, or with `-` for the step between two. */
  readonly step: string;
  readonly attempt: number;
  readonly targetId: string;
  readonly tenantId: string;
  /** Of the process that holds it; also when that process is dead. */
  readonly ownerPid: number | undefined;
  /** Somebody has asked for the operation to be cancelled. */
  readonly isCancelled: boolean;
}

export interface OperationRow {
  readonly operationId: string;
  readonly kind: string;
  readonly status: string;
  readonly tenantId: string | null;
  readonly targetId: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly finishedAt: string | null;
}

/**
 * Reads the registry past the service: it works while every service is dead, and believes none of them. It never writes.
 */
export interface Observer {
  running(): Promise<RunningStep[]>;
  operations(): Promise<OperationRow[]>;
  /** Every row of every table as text, to search in. */
  texts(): Promise<string[]>;
  close(): Promise<void>;
}

export interface Row {
  operation_id: string;
  kind: string;
  status: string;
  current_step: string | null;
  compensation: string | null;
  attempt: number;
  tenant_id: string | null;
  target_id: string | null;
  owner_pid: number | string | null;
  cancel_requested_at: string | null;
  fencing_token: number | string;
  /** What the journal says of the step that was begun last. */
  begun?: string | null;
  error: string | null;
  finished_at: string | null;
}

const JOINED =
  "SELECT o.*, p.pid AS owner_pid FROM operations o LEFT JOIN processes p ON p.process_id = o.lease_owner";
const BEGUN =
  "SELECT j.data FROM operation_journal j WHERE j.operation_id = o.operation_id " +
  "AND j.type IN ('step_started', 'undo_started') ORDER BY j.sequence DESC LIMIT 1";
export const RUNNING = `${JOINED.replace("o.*", `o.*, (${BEGUN}) AS begun`)} WHERE o.status = 'running' AND o.finished_at IS NULL`;
export const ALL = `${JOINED} ORDER BY o.created_at`;

export function observeSqlite(file: string): Observer {
  const open = () => new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
  const db = open();
  const running = db.prepare(RUNNING);
  return {
    async running() {
      try {
        return (running.all() as Row[]).map(stepOf);
      } catch (thrown) {
        if (isHeld(thrown)) return [];
        throw thrown;
      }
    },
    operations: async () => (db.prepare(ALL).all() as Row[]).map(operationOf),
    async texts() {
      const tables = db
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .pluck()
        .all() as string[];
      return tables.flatMap((name) =>
        db
          .prepare(`SELECT * FROM "${name}"`)
          .all()
          .map((row) => `${name} ${JSON.stringify(row)}`),
      );
    },
    async close() {
      db.close();
    },
  };
}

/** A service that stands still may do so with its hand on the file; then there is nothing to be seen until it goes on. */
function isHeld(thrown: unknown): boolean {
  const { code = "" } = thrown as { code?: string };
  return code.startsWith("SQLITE_BUSY") || code === "SQLITE_PROTOCOL";
}

/** Claimed and not yet taken up, an operation still shows the step in which its former owner died; it runs none. */
export function stepOf(row: Row): RunningStep {
  const { runId = "" } = JSON.parse(row.begun ?? "{}") as { runId?: string };
  const isOwn = runId.startsWith(`${row.operation_id}-${row.fencing_token}-`);
  const name = (isOwn ? row.current_step : null) ?? "-";
  return {
    operationId: row.operation_id,
    step: `${row.kind}/${row.compensation === "running" ? "undo " : ""}${name}`,
    attempt: row.attempt,
    targetId: row.target_id ?? "",
    tenantId: row.tenant_id ?? "",
    // PostgreSQL's big integers come as text.
    ownerPid: row.owner_pid === null ? undefined : Number(row.owner_pid),
    isCancelled: row.cancel_requested_at !== null,
  };
}

export function operationOf(row: Row): OperationRow {
  return {
    operationId: row.operation_id,
    kind: row.kind,
    status: row.status,
    tenantId: row.tenant_id,
    targetId: row.target_id,
    error: row.error === null ? null : JSON.parse(row.error),
    finishedAt: row.finished_at,
  };
}
