import type { Release } from "./release.ts";

export type SchemaFacts = Pick<Release, "number" | "schemaVersion" | "compatibleSchemas">;

export type Compatibility =
  | { readonly compatible: true }
  | { readonly compatible: false; readonly why: string };

/**
 * May a target go from one release to another? Only if the other can run with the schema that the first has brought, whichever is
 * the newer: a database is migrated forward and not back, so a rollback is asked the same. What says nothing of its schema
 * is in nobody's way, and a target that runs nothing takes any release.
 */
export function releaseCompatibility(from: SchemaFacts | null, to: SchemaFacts): Compatibility {
  const there = from?.schemaVersion ?? null;
  const range = to.compatibleSchemas;
  if (from === null || there === null || range === null) return { compatible: true };
  if (range.from <= there && there <= range.to) return { compatible: true };
  const can = range.from === range.to ? `${range.from}` : `${range.from} to ${range.to}`;
  const why = `release ${to.number} can run with schema ${can}, and release ${from.number} has brought schema ${there}`;
  return { compatible: false, why };
}
