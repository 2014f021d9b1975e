import { CamelCasePlugin } from "kysely";

/** Tables and columns are snake_case in the database; what is inside a JSON column stays as it is. */
export function namingPlugin(): CamelCasePlugin {
  return new CamelCasePlugin({ maintainNestedObjectKeys: true });
}
