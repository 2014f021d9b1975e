import type { EnvironmentName } from "../contract/vocabulary.ts";
import type { Reader } from "./registry.ts";

export interface PlanePlace {
  readonly name: string;
  readonly environment: EnvironmentName;
  readonly region: string;
}

/** Where the planes lie; one that is not recorded is left out. */
export async function planePlaces(db: Reader, names: readonly string[]): Promise<PlanePlace[]> {
  if (names.length === 0) return [];
  return db
    .selectFrom("planes")
    .select(["name", "environment", "region"])
    .where("name", "in", [...names])
    .orderBy("name")
    .execute();
}
