import Database from "better-sqlite3";

/** A step that runs now, as the registry has it. */
export interface RunningStep {
  readonly operationId: string;
  /** `<operation kind>/<step>`, `<operation kind>/undo <step>`, or with `-` for the step between two. */
  readonly step: string;
  readonly attempt: number;
  readonly targetId: string;
  /** Of the process that holds it; also when that process is dead. */
  readonly ownerPid: number | undefined;
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
  error: string | null;
  finished_at: string | null;
}

const JOINED =
  "SELECT o.*, p.pid AS owner_pid FROM operations o LEFT JOIN processes p ON p.process_id = o.lease_owner";
export const RUNNING = `${JOINED} WHERE o.status = 'running' AND o.finished_at IS NULL`;
export const ALL = `${JOINED} ORDER BY o.created_at`;

export function observeSqlite(file: string): Observer {
  const open = () => new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
  const db = open();
  const running = db.prepare(RUNNING);
  return {
    running: async () => (running.all() as Row[]).map(stepOf),
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

export function stepOf(row: Row): RunningStep {
  return {
    operationId: row.operation_id,
    step: `${row.kind}/${row.compensation === "running" ? "undo " : ""}${row.current_step ?? "-"}`,
    attempt: row.attempt,
    targetId: row.target_id ?? "",
    // PostgreSQL's big integers come as text.
    ownerPid: row.owner_pid === null ? undefined : Number(row.owner_pid),
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
