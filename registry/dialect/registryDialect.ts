import type { Dialect, Kysely, Transaction } from "kysely";
import type { Schema } from "../schema.ts";

/**
 * Everything the registry needs of a database that Kysely does not hide. One value of this a dialect, one file a
 * value; no other file of the registry may hold SQL that only one database takes.
 */
export interface RegistryDialect {
  readonly name: "sqlite" | "postgresql";
  /** The connections all writes go through. */
  readonly writer: Dialect;
  /** Never sees what a running transaction has written. */
  readonly reader: Dialect;
  /** One transaction that no other migration and no change runs beside, however long its statements take. */
  migrating<T>(writer: Kysely<Schema>, work: (transaction: Transaction<Schema>) => Promise<T>): Promise<T>;
  /**
   * Waits for the locks in their order and holds them to the end of the transaction. Answers the database's time once it has them,
   * where the database is the one whose clock every process can share.
   */
  hold(transaction: Transaction<Schema>, locks: readonly Lock[]): Promise<string | undefined>;
  /** Makes the database refuse to change or remove the table's rows. */
  appendOnly(db: Kysely<unknown>, table: string): Promise<void>;
  /** Makes the database refuse to remove rows, and any UPDATE that does not raise the column by one. */
  forwardOnly(db: Kysely<unknown>, table: string, column: string): Promise<void>;
  /** Adds a foreign key that goes with its row, to a table that no other refers to. */
  addReference(db: Kysely<unknown>, reference: Reference): Promise<void>;
  /** Which table (and columns or constraint, as the database says) an error of a broken unique constraint is about. */
  uniqueViolation(error: unknown): string | undefined;
  /**
   * What an error of the database means: `busy` when others held a lock or took all connections for too long, `unavailable` when
   * the database cannot be reached or is going away, `full` when its disk is, `unstorable` when it takes no such text. Undefined for all others.
   */
  failure(error: unknown, writing: boolean): DatabaseFailure | undefined;
  /** The plan of a query, one line a node, for tests that hold an index to its use. */
  explain(db: Kysely<never>, sql: string, parameters: readonly unknown[]): Promise<string[]>;
}

/** By a column that is called the same in both tables. */
export interface Reference {
  readonly table: string;
  readonly column: string;
  readonly parent: string;
}

export type DatabaseFailure = "busy" | "unavailable" | "full" | "unstorable";

export interface Lock {
  readonly name: string;
  /** Several may share it; whoever wants it alone waits for all of them. */
  readonly shared?: boolean;
}
