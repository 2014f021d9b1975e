import type { Kysely } from "kysely";
import type { RegistryDialect } from "../dialect/registryDialect.ts";
import * as spine from "./0001_spine.ts";
import * as tenantFields from "./0002_tenant_fields.ts";
import * as routing from "./0008_routing.ts";

export interface Migration {
  readonly number: number;
  readonly name: string;
  /** Its source, which the checksum covers. */
  readonly source: URL;
  readonly up: (db: Kysely<unknown>, dialect: RegistryDialect) => Promise<void>;
}

/** In order, without a gap. A migration that has been released is never edited: write the next one. */
export const migrations: readonly Migration[] = [
  { number: 1, name: "0001_spine", source: new URL("./0001_spine.ts", import.meta.url), up: spine.up },
  {
    number: 2,
    name: "0002_tenant_fields",
    source: new URL("./0002_tenant_fields.ts", import.meta.url),
    up: tenantFields.up,
  },
  {
    number: 8,
    name: "0008_routing",
    source: new URL("./0008_routing.ts", import.meta.url),
    up: routing.up,
  },
];
