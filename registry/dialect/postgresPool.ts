import type { PostgresPool } from "kysely";
import pg from "pg";

/** What a pool's sessions are held to. Zero is PostgreSQL's word for "no limit". */
export interface SessionLimits {
  readonly lockWaitMs: number;
  readonly statementTimeoutMs: number;
}

export interface PoolOptions extends SessionLimits {
  readonly url: string;
  readonly schema: string;
  readonly readOnly: boolean;
  readonly size: number;
  /** How long to wait for a free connection, or for a new one to be made. */
  readonly connectTimeoutMs: number;
}

/** Past the statement's own limit by this, the server is taken for gone and the connection is given up. */
const SILENCE_MS = 2_000;
/** A process that froze or vanished with a change open must not hold its locks much longer than others wait for them. */
const IDLE_IN_CHANGE_MS = 15_000;
const KEEP_ALIVE_AFTER_MS = 10_000;
const INT8_OID = 20;

/**
 * The driver's pool with two faults kept from its users: a connection whose session could not be set up goes back at once instead
 * of being lost to the pool, and one on which a statement got no answer is cut, as all later ones would queue behind it.
 */
export function createPool(options: PoolOptions): PostgresPool {
  const { url, size, statementTimeoutMs, connectTimeoutMs } = options;
  const pool = new pg.Pool({
    connectionString: url,
    max: size,
    application_name: "tenantry registry",
    connectionTimeoutMillis: connectTimeoutMs,
    ...(statementTimeoutMs > 0 ? { query_timeout: statementTimeoutMs + SILENCE_MS } : {}),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    types: { getTypeParser },
  });
  // A connection that breaks leaves the pool by itself, and its statement fails; unheard, the events would end the process.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  const ready = new WeakSet<pg.PoolClient>();
  const stuck = new WeakSet<pg.PoolClient>();

  async function setUp(client: pg.PoolClient): Promise<void> {
    try {
      await setSession(client, options);
      watchForSilence(client, stuck);
      ready.add(client);
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect();
      if (!ready.has(client)) await setUp(client);
      const release = client.release.bind(client);
      client.release = (destroy) => release(destroy === true || stuck.has(client));
      return client as unknown as Awaited<ReturnType<PostgresPool["connect"]>>;
    },
  };
}

async function setSession(client: pg.PoolClient, options: PoolOptions): Promise<void> {
  const settings: Record<string, string> = {
    search_path: options.schema,
    lock_timeout: String(options.lockWaitMs),
    statement_timeout: String(options.statementTimeoutMs),
    idle_in_transaction_session_timeout: String(IDLE_IN_CHANGE_MS),
    default_transaction_isolation: "read committed",
    default_transaction_read_only: options.readOnly ? "on" : "off",
    client_min_messages: "warning",
  };
  const calls = Object.keys(settings).map((name, place) => `set_config('${name}', $${place + 1}, false)`);
  // What was answered as done survives a crash of the server, also where its default says otherwise.
  const durable = `set_config('synchronous_commit', case current_setting('synchronous_commit')
    when 'off' then 'on' else current_setting('synchronous_commit') end, false)`;
  await client.query(`select ${[...calls, durable].join(", ")}`, Object.values(settings));
}

type Query = (text: string, values: readonly unknown[]) => Promise<unknown>;

/** Cut rather than only marked: the rollback that follows would wait as long once more. */
function watchForSilence(client: pg.PoolClient, stuck: WeakSet<pg.PoolClient>): void {
  const query = client.query.bind(client) as unknown as Query;
  const watched: Query = async (text, values) => {
    try {
      return await query(text, values);
    } catch (error) {
      if (error instanceof Error && error.message === "Query read timeout") {
        stuck.add(client);
        (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      }
      throw error;
    }
  };
  Object.assign(client, { query: watched });
}

/** Integers come as numbers, as from SQLite; one past 2^53 would be a fault of ours and is refused. */
function getTypeParser(oid: number, format?: "text" | "binary"): (value: never) => unknown {
  if (oid === INT8_OID) return toSafeInteger;
  return pg.types.getTypeParser(oid, format as "text");
}

function toSafeInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`Cannot read an integer from the registry: it must be within 2^53, got ${text}.`);
}
