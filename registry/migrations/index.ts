import type { Kysely } from "kysely";
import type { RegistryDialect } from "../dialect/registryDialect.ts";
import * as spine from "./0001_spine.ts";
import * as tenantFields from "./0002_tenant_fields.ts";
import * as processes from "./0003_processes.ts";
import * as operations from "./0004_operations.ts";
import * as lifecycle from "./0005_lifecycle.ts";
import * as placements from "./0006_placements.ts";
import * as manifests from "./0007_manifests.ts";
import * as routing from "./0008_routing.ts";
import * as leaseIndexes from "./0009_lease_indexes.ts";
import * as rollouts from "./0010_rollouts.ts";
import * as driftCauses from "./0011_drift_causes.ts";
import * as fleetFacts from "./0012_fleet_facts.ts";
import * as breakers from "./0013_breakers.ts";
import * as housekeeping from "./0014_housekeeping.ts";
import * as fleetRoles from "./0015_fleet_roles.ts";
import * as directory from "./0016_directory.ts";
import * as plans from "./0017_plans.ts";
import * as metering from "./0018_metering.ts";
import * as routingDomains from "./0019_routing_domains.ts";
import * as policy from "./0020_policy.ts";
import * as audit from "./0021_audit.ts";
import * as integrations from "./0022_integrations.ts";
import * as recordVersions from "./0023_record_versions.ts";
import * as interruptedCalls from "./0024_interrupted_calls.ts";
import * as rolloutsPassedBy from "./0025_rollouts_passed_by.ts";
import * as tenantReferences from "./0026_tenant_references.ts";

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
    number: 3,
    name: "0003_processes",
    source: new URL("./0003_processes.ts", import.meta.url),
    up: processes.up,
  },
  {
    number: 4,
    name: "0004_operations",
    source: new URL("./0004_operations.ts", import.meta.url),
    up: operations.up,
  },
  {
    number: 5,
    name: "0005_lifecycle",
    source: new URL("./0005_lifecycle.ts", import.meta.url),
    up: lifecycle.up,
  },
  {
    number: 6,
    name: "0006_placements",
    source: new URL("./0006_placements.ts", import.meta.url),
    up: placements.up,
  },
  {
    number: 7,
    name: "0007_manifests",
    source: new URL("./0007_manifests.ts", import.meta.url),
    up: manifests.up,
  },
  {
    number: 8,
    name: "0008_routing",
    source: new URL("./0008_routing.ts", import.meta.url),
    up: routing.up,
  },
  {
    number: 9,
    name: "0009_lease_indexes",
    source: new URL("./0009_lease_indexes.ts", import.meta.url),
    up: leaseIndexes.up,
  },
  {
    number: 10,
    name: "0010_rollouts",
    source: new URL("./0010_rollouts.ts", import.meta.url),
    up: rollouts.up,
  },
  {
    number: 11,
    name: "0011_drift_causes",
    source: new URL("./0011_drift_causes.ts", import.meta.url),
    up: driftCauses.up,
  },
  {
    number: 12,
    name: "0012_fleet_facts",
    source: new URL("./0012_fleet_facts.ts", import.meta.url),
    up: fleetFacts.up,
  },
  {
    number: 13,
    name: "0013_breakers",
    source: new URL("./0013_breakers.ts", import.meta.url),
    up: breakers.up,
  },
  {
    number: 14,
    name: "0014_housekeeping",
    source: new URL("./0014_housekeeping.ts", import.meta.url),
    up: housekeeping.up,
  },
  {
    number: 15,
    name: "0015_fleet_roles",
    source: new URL("./0015_fleet_roles.ts", import.meta.url),
    up: fleetRoles.up,
  },
  {
    number: 16,
    name: "0016_directory",
    source: new URL("./0016_directory.ts", import.meta.url),
    up: directory.up,
  },
  { number: 17, name: "0017_plans", source: new URL("./0017_plans.ts", import.meta.url), up: plans.up },
  {
    number: 18,
    name: "0018_metering",
    source: new URL("./0018_metering.ts", import.meta.url),
    up: metering.up,
  },
  {
    number: 19,
    name: "0019_routing_domains",
    source: new URL("./0019_routing_domains.ts", import.meta.url),
    up: routingDomains.up,
  },
  { number: 20, name: "0020_policy", source: new URL("./0020_policy.ts", import.meta.url), up: policy.up },
  { number: 21, name: "0021_audit", source: new URL("./0021_audit.ts", import.meta.url), up: audit.up },
  {
    number: 22,
    name: "0022_integrations",
    source: new URL("./0022_integrations.ts", import.meta.url),
    up: integrations.up,
  },
  {
    number: 23,
    name: "0023_record_versions",
    source: new URL("./0023_record_versions.ts", import.meta.url),
    up: recordVersions.up,
  },
  {
    number: 24,
    name: "0024_interrupted_calls",
    source: new URL("./0024_interrupted_calls.ts", import.meta.url),
    up: interruptedCalls.up,
  },
  {
    number: 25,
    name: "0025_rollouts_passed_by",
    source: new URL("./0025_rollouts_passed_by.ts", import.meta.url),
    up: rolloutsPassedBy.up,
  },
  {
    number: 26,
    name: "0026_tenant_references",
    source: new URL("./0026_tenant_references.ts", import.meta.url),
    up: tenantReferences.up,
  },
];
