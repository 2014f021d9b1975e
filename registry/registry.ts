import { AsyncLocalStorage } from "node:async_hooks";
import { Kysely, type Transaction } from "kysely";
import type { AuditEvent } from "../contract/audit.ts";
import { type AuditEntry, auditAppend, type ChangeContext } from "./audit.ts";
import { FLEET_CHAIN } from "./auditChain.ts";
import { type Bookkeeping, WriteWatch } from "./bookkeeping.ts";
import { type PostgresOptions, postgresRegistryDialect } from "./dialect/postgres.ts";
import type { Lock, RegistryDialect } from "./dialect/registryDialect.ts";
import { sqliteRegistryDialect } from "./dialect/sqlite.ts";
import { migrate } from "./migrate.ts";
import { namingPlugin } from "./naming.ts";
import { type OutboxEntry, outboxAppend } from "./outbox.ts";
import { describeFailure, type Phase, tooManyWriters } from "./registryProblem.ts";
import type { Schema } from "./schema.ts";

/**
 * The registry: what the control plane knows and has done. It is the only door to the database.
 *
 * It promises: a change is one transaction of state, audit event and outbox event, or nothing at all; a change that
 * wrote state and no audit event is refused; readers never see a change before it is committed. Changes run one after the other,
 * in all processes together, so that what a change has read holds until it commits. One that says which tenant it is about waits
 * only for that tenant's and for those that say nothing: tenants then do not wait for each other (SQLite knows one
 * writer and lets them wait all the same). Books that need no audit event (progress, leases, observations) go through
 * `record`, which refuses to touch anything else, waits for no change, and takes the locks it needs by name. The
 * functions on the resources are in the files named after them and take what `change`, `record` or `read` hands out.
 *
 * It refuses: a change inside a change, a schema it does not know, secrets (see redact.ts), a change about one tenant that writes
 * to another's chain, and waiting for anything but the database while a change is open: a transaction that waits for
 * the network stops every other writer.
 */
export interface Registry {
  readonly dialect: RegistryDialect["name"];
  change<T>(context: ChangeContext, work: (change: Change) => Promise<T>, scope?: ChangeScope): Promise<T>;
  /** With the name of a lock it is held from the beginning, which costs no statement of its own. */
  record<T>(work: (record: Bookkeeping) => Promise<T>, lock?: string): Promise<T>;
  /** Each statement sees the newest committed state; two statements may see different ones. */
  read<T>(work: (db: Reader) => Promise<T>): Promise<T>;
  /**
   * Another number after whatever was written, before its writer is told: what was read at one number holds for as long as it is the same.
   * Undefined where other processes write too, so that nothing read can be known to hold.
   */
  writes(): number | undefined;
  /** The plan of a query; see RegistryDialect.explain. */
  explain(query: { readonly sql: string; readonly parameters: readonly unknown[] }): Promise<string[]>;
  close(): Promise<void>;
}

/** The one tenant whose records a change decides on; it may read all others. */
export interface ChangeScope {
  readonly tenantId: string;
}

/** For a change that only adds to the fleet's chain and decides on nothing: it keeps no tenant waiting. */
export const FLEET_SCOPE: ChangeScope = { tenantId: FLEET_CHAIN };

export type Reader = Kysely<Schema>;

export interface Change extends Bookkeeping {
  readonly context: ChangeContext;
  audit(entry: AuditEntry): Promise<AuditEvent>;
  outbox(entry: OutboxEntry): Promise<void>;
  /** Runs after the commit, never when it fails; what it throws is the caller's to see. */
  afterCommit(then: () => void): void;
  /** Which unique constraint an error broke, if it is one. */
  uniqueViolation(error: unknown): string | undefined;
}

/** A SQLite file, whose folder must exist, or a PostgreSQL database. */
export type RegistryOptions = RegistryLocation & RegistryTuning;
export type RegistryLocation = { readonly file: string } | { readonly url: string };

export interface RegistryTuning extends Omit<PostgresOptions, "url"> {
  /** The clock to go by instead of the database's (SQLite: the machine's). */
  readonly now?: () => Date;
}

/** Past this many waiting writers a new one is turned away: better a 503 now than a timeout in a minute. */
const MAX_WAITING_WRITERS = 1_000;

export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const dialect =
    "file" in options
      ? await sqliteRegistryDialect(options.file, options.lockWaitMs)
      : postgresRegistryDialect(options);
  const writer = new Kysely<Schema>({ dialect: dialect.writer, plugins: [namingPlugin()] });
  const reader = new Kysely<Schema>({ dialect: dialect.reader, plugins: [namingPlugin()] });
  const close = async () => {
    await reader.destroy();
    await writer.destroy();
  };
  try {
    await migrate(writer, dialect);
    // The reader's file handle must belong to its Kysely before close can give it back.
    await reader.selectFrom("schemaMigrations").select("number").execute();
  } catch (error) {
    await close();
    throw describeFailure(dialect, error, "change");
  }
  return createRegistry({ dialect, writer, reader, clock: steadyClock(options.now), close });
}

interface Parts {
  readonly dialect: RegistryDialect;
  readonly writer: Kysely<Schema>;
  readonly reader: Kysely<Schema>;
  readonly clock: (databaseTime: string | undefined) => string;
  readonly close: () => Promise<void>;
}

function createRegistry({ dialect, writer, reader, clock, close }: Parts): Registry {
  const scope = new AsyncLocalStorage<{ open: boolean }>();
  let waiting = 0;
  let writes = 0;

  async function write<T>(
    locks: readonly Lock[],
    work: (books: Bookkeeping, watch: WriteWatch) => Promise<T>,
  ): Promise<T> {
    if (scope.getStore()?.open === true) {
      throw new Error(
        "Cannot begin a change: no other may be open, got one inside another. Pass the open one on.",
      );
    }
    if (waiting >= MAX_WAITING_WRITERS) throw tooManyWriters(MAX_WAITING_WRITERS);
    waiting += 1;
    // Closed afterwards, as work that goes on in the background keeps this scope for ever.
    const mine = { open: true };
    let phase: Phase = "change";
    try {
      return await writer.transaction().execute(async (transaction) => {
        const watch = new WriteWatch();
        const now = clock(await dialect.hold(transaction, locks));
        const books = { db: transaction.withPlugin(watch), now, lock: locker(dialect, transaction, locks) };
        const outcome = await scope.run(mine, () => work(books, watch));
        phase = "commit";
        return outcome;
      });
    } catch (error) {
      throw describeFailure(dialect, error, phase);
    } finally {
      mine.open = false;
      waiting -= 1;
      writes += 1;
    }
  }

  return {
    dialect: dialect.name,
    close,
    async change(context, work, about) {
      const after: (() => void)[] = [];
      const result = await write(locksOf(about), async (books, watch) => {
        let audited = 0;
        const outcome = await work({
          ...books,
          context,
          async audit(entry) {
            await holdChain(books, entry.tenantId, about);
            const event = await auditAppend(books.db, context, entry, books.now);
            audited += 1;
            return event;
          },
          async outbox(entry) {
            await holdChain(books, entry.tenantId, about);
            await outboxAppend(books.db, entry, books.now);
          },
          afterCommit: (then) => void after.push(then),
          uniqueViolation: dialect.uniqueViolation,
        });
        refuseUnaudited(watch, audited);
        return outcome;
      });
      for (const then of after) then();
      return result;
    },
    record: (work, lock) =>
      write(lock === undefined ? [] : [{ name: lock }], async (books, watch) => {
        const outcome = await work(books);
        refuseState(watch);
        return outcome;
      }),
    async read(work) {
      try {
        return await work(reader);
      } catch (error) {
        throw describeFailure(dialect, error, "read");
      }
    },
    // A file of SQLite is one service's own: its data folder is locked.
    writes: () => (dialect.name === "sqlite" ? writes : undefined),
    explain: ({ sql, parameters }) => dialect.explain(reader as unknown as Kysely<never>, sql, parameters),
  };
}

const WHOLE_REGISTRY = "registry";

function locksOf(scope: ChangeScope | undefined): readonly Lock[] {
  if (scope === undefined) return [{ name: WHOLE_REGISTRY }];
  return [{ name: WHOLE_REGISTRY, shared: true }, { name: chainLock(scope.tenantId) }];
}

function chainLock(chain: string): string {
  return `chain/${chain}`;
}

/**
 * A chain and the stream of the same name grow by one writer at a time. A change of the whole registry has them all, one about a
 * tenant has its own; the fleet's, which every tenant's may add to, is taken last and so never waited for in a ring.
 */
async function holdChain(
  books: Bookkeeping,
  tenantId: string | null | undefined,
  scope: ChangeScope | undefined,
): Promise<void> {
  const chain = tenantId ?? FLEET_CHAIN;
  if (scope === undefined || chain === scope.tenantId) return;
  if (chain === FLEET_CHAIN) return books.lock(chainLock(chain));
  throw new Error(
    `Cannot write to the chain of tenant ${chain}: the change must be about it, and it is about ${scope.tenantId}. ` +
      "Leave the scope out of a change of several tenants.",
  );
}

/** Asks the database only for what the transaction does not hold yet. */
function locker(
  dialect: RegistryDialect,
  transaction: Transaction<Schema>,
  locks: readonly Lock[],
): Bookkeeping["lock"] {
  const held = new Set(locks.map((lock) => lock.name));
  return async (name) => {
    if (held.has(name)) return;
    await dialect.hold(transaction, [{ name }]);
    held.add(name);
  };
}

function refuseUnaudited(watch: WriteWatch, audited: number): void {
  if (watch.stateWrites.length === 0 || audited > 0) return;
  throw new Error(
    `Cannot commit a change: it must write an audit event, got none for: ${watch.stateWrites.join(", ")}. ` +
      "Nothing was changed.",
  );
}

function refuseState(watch: WriteWatch): void {
  if (watch.stateWrites.length === 0) return;
  throw new Error(
    `Cannot commit a record: it must keep to bookkeeping, got: ${watch.stateWrites.join(", ")}. ` +
      "Use registry.change, which audits. Nothing was changed.",
  );
}

/**
 * Never goes back, so that rows written later never sort earlier when a clock is set back. The database's time comes first:
 * leases are compared across hosts, whose own clocks may differ.
 */
function steadyClock(now?: () => Date): (databaseTime: string | undefined) => string {
  let last = "";
  return (databaseTime) => {
    const time = now?.().toISOString() ?? databaseTime ?? new Date().toISOString();
    if (time > last) last = time;
    return last;
  };
}
