/** A failure of a tenant's database, in words that hold neither a secret nor a row. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  readonly code: DatabaseErrorCode;
  readonly retryable: boolean;

  constructor(
    code: DatabaseErrorCode,
    message: string,
    options: { readonly retryable?: boolean; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** Stable. */
export type DatabaseErrorCode =
  | "database_unreachable"
  | "database_refused"
  | "database_untrusted"
  | "database_unsupported"
  | "database_occupied"
  | "dump_unsupported"
  | "dump_broken"
  | "secret_missing";

/**
 * Worth another try: connections that break (08, 57P), no connection left (53), conflicts and lock waits (40, 55P03), and
 * two sessions that changed the same catalog row (XX000 with these words).
 */
const RETRYABLE = /^(08|53|40|57P|55P03|55006)/;
const NODE_CODE = /^E[A-Z]/;
const UNTRUSTED = /CERT|TLS|SIGNATURE|ISSUER/;
/** Their texts quote what a row holds. */
const QUOTES_DATA = /^(22|23)/;

/** What pg throws, as ours. Errors that are ours already stay as they are. */
export function databaseError(doing: string, thrown: unknown): Error {
  if (isOurs(thrown)) return thrown;
  const { code: state, message = "" } = thrown as { code?: string; message?: string };
  // Some of Node's codes have five letters, too: EPIPE.
  if (typeof state !== "string" || !/^[0-9A-Z]{5}$/.test(state) || NODE_CODE.test(state)) {
    return connectionError(doing, thrown, state, message);
  }
  if (QUOTES_DATA.test(state)) {
    return new DatabaseError("database_refused", `Cannot ${doing}: PostgreSQL refused the data (${state})`);
  }
  const retryable = RETRYABLE.test(state) || message.includes("concurrently updated");
  const code = retryable ? "database_unreachable" : "database_refused";
  return new DatabaseError(code, `Cannot ${doing}: PostgreSQL answered ${message} (${state})`, {
    retryable,
    cause: thrown,
  });
}

/** No SQLSTATE: the connection itself, or a mistake of ours. */
function connectionError(doing: string, thrown: unknown, code: string | undefined, message: string): Error {
  if (code === undefined && !/terminated|timeout|ended|connection error|not queryable/i.test(message))
    return asError(thrown);
  if (code !== undefined && UNTRUSTED.test(code)) {
    const text =
      `Cannot ${doing}: the database server's certificate must be one of a known authority and in its name, got ` +
      `${code}. Name the authorities with --database-ca-file.`;
    return new DatabaseError("database_untrusted", text, { cause: thrown });
  }
  if (code === "ENOENT" || code === "EACCES") {
    const text = `Cannot ${doing}: the file of --database-ca-file must be readable, got ${code}.`;
    return new DatabaseError("database_untrusted", text, { cause: thrown });
  }
  const text = `Cannot ${doing}: the database server does not answer (${code ?? message})`;
  return new DatabaseError("database_unreachable", text, { retryable: true, cause: thrown });
}

function isOurs(thrown: unknown): thrown is Error {
  if (!(thrown instanceof Error) || !("code" in thrown)) return false;
  return typeof thrown.code === "string" && /^[a-z][a-z_]*$/.test(thrown.code);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
