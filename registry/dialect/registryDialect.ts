import type { Dialect, Kysely } from "kysely";

/**
 * Everything the registry needs of a database that Kysely does not hide. One value of this a dialect, one file a
 * value; no other file of the registry may hold SQL that only one database takes.
 */
export interface RegistryDialect {
  readonly name: "sqlite" | "postgresql";
  /** The connection all writes go through; transactions on it take the write lock when they begin. */
  readonly writer: Dialect;
  /** Never sees what a running transaction has written. */
  readonly reader: Dialect;
  /** Makes the database refuse UPDATE and DELETE of the table's rows. */
  appendOnly(db: Kysely<unknown>, table: string): Promise<void>;
  /** Makes the database refuse DELETE, and any UPDATE that does not raise the column by one. */
  forwardOnly(db: Kysely<unknown>, table: string, column: string): Promise<void>;
  /** Which table (and columns, where the database says so) an error of a broken unique constraint is about. */
  uniqueViolation(error: unknown): string | undefined;
  /** Whether an error says that another process held the write lock for too long. */
  isBusy(error: unknown): boolean;
  /** The plan of a query, one line a node, for tests that hold an index to its use. */
  explain(db: Kysely<never>, sql: string, parameters: readonly unknown[]): Promise<string[]>;
}
