import { AsyncLocalStorage } from "node:async_hooks";
import { Kysely } from "kysely";
import type { AuditEvent } from "../contract/audit.ts";
import { ProblemError } from "../contract/errors.ts";
import { type AuditEntry, auditAppend, type ChangeContext } from "./audit.ts";
import { type Bookkeeping, WriteWatch } from "./bookkeeping.ts";
import type { RegistryDialect } from "./dialect/registryDialect.ts";
import { sqliteRegistryDialect } from "./dialect/sqlite.ts";
import { migrate, namingPlugin } from "./migrate.ts";
import { type OutboxEntry, outboxAppend } from "./outbox.ts";
import type { Schema } from "./schema.ts";

/**
 * The registry: what the control plane knows and has done. It is the only door to the database.
 *
 * It promises: a change is one transaction of state, audit event and outbox event, or nothing at all; a change that
 * wrote state and no audit event is refused; readers never see a change before it is committed; changes run one after
 * the other. Books that need no audit event (progress, leases, observations) go through `record`, which refuses
 * to touch anything else. The functions on the resources are in the files named after them and take what `change`,
 * `record` or `read` hands out.
 *
 * It refuses: a change inside a change, a schema it does not know, secrets (see redact.ts), and waiting for anything but
 * the database while a change is open: a transaction that waits for the network stops every other writer.
 */
export interface Registry {
  readonly dialect: RegistryDialect["name"];
  change<T>(context: ChangeContext, work: (change: Change) => Promise<T>): Promise<T>;
  record<T>(work: (record: Bookkeeping) => Promise<T>): Promise<T>;
  /** Each statement sees the newest committed state; two statements may see different ones. */
  read<T>(work: (db: Reader) => Promise<T>): Promise<T>;
  /** The plan of a query; see RegistryDialect.explain. */
  explain(query: { readonly sql: string; readonly parameters: readonly unknown[] }): Promise<string[]>;
  close(): Promise<void>;
}

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

export interface RegistryOptions {
  /** The SQLite file; its folder must exist. */
  readonly file: string;
  readonly now?: () => Date;
  /** How long a change waits for another process's write lock before it fails as busy. */
  readonly lockWaitMs?: number;
}

/** Past this many waiting writers a new one is turned away: better a 503 now than a timeout in a minute. */
const MAX_WAITING_WRITERS = 1_000;

export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const dialect = await sqliteRegistryDialect(options.file, options.lockWaitMs);
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
    throw error;
  }
  return createRegistry({ dialect, writer, reader, clock: steadyClock(options.now), close });
}

interface Parts {
  readonly dialect: RegistryDialect;
  readonly writer: Kysely<Schema>;
  readonly reader: Kysely<Schema>;
  readonly clock: () => string;
  readonly close: () => Promise<void>;
}

function createRegistry({ dialect, writer, reader, clock, close }: Parts): Registry {
  const scope = new AsyncLocalStorage<{ open: boolean }>();
  let waiting = 0;

  async function write<T>(work: (books: Bookkeeping, watch: WriteWatch) => Promise<T>): Promise<T> {
    if (scope.getStore()?.open === true) {
      throw new Error(
        "Cannot begin a change: no other may be open, got one inside another. Pass the open one on.",
      );
    }
    if (waiting >= MAX_WAITING_WRITERS)
      throw busy(`at most ${MAX_WAITING_WRITERS} changes may wait, and that many do`);
    waiting += 1;
    // Closed afterwards, as work that goes on in the background keeps this scope for ever.
    const mine = { open: true };
    try {
      return await writer.transaction().execute((transaction) => {
        const watch = new WriteWatch();
        return scope.run(mine, () => work({ db: transaction.withPlugin(watch), now: clock() }, watch));
      });
    } catch (error) {
      throw dialect.isBusy(error)
        ? busy("another process has held its write lock for too long", error)
        : error;
    } finally {
      mine.open = false;
      waiting -= 1;
    }
  }

  return {
    dialect: dialect.name,
    close,
    async change(context, work) {
      const after: (() => void)[] = [];
      const result = await write(async (books, watch) => {
        let audited = 0;
        const outcome = await work({
          ...books,
          context,
          async audit(entry) {
            const event = await auditAppend(books.db, context, entry, books.now);
            audited += 1;
            return event;
          },
          outbox: (entry) => outboxAppend(books.db, entry, books.now),
          afterCommit: (then) => void after.push(then),
          uniqueViolation: dialect.uniqueViolation,
        });
        refuseUnaudited(watch, audited);
        return outcome;
      });
      for (const then of after) then();
      return result;
    },
    record: (work) =>
      write(async (books, watch) => {
        const outcome = await work(books);
        refuseState(watch);
        return outcome;
      }),
    read: (work) => work(reader),
    explain: ({ sql, parameters }) => dialect.explain(reader as unknown as Kysely<never>, sql, parameters),
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

function busy(why: string, cause?: unknown): ProblemError {
  return new ProblemError("busy", {
    detail: `Cannot write to the registry: ${why}.`,
    hint: "Send the request again in a few seconds, with the same Idempotency-Key.",
    cause,
  });
}

/** Never goes back, so that rows written later never sort earlier when the machine's clock is set back. */
function steadyClock(now: () => Date = () => new Date()): () => string {
  let last = "";
  return () => {
    const time = now().toISOString();
    if (time > last) last = time;
    return last;
  };
}
