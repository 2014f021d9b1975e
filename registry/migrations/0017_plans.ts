import { createHash } from "node:crypto";
import type { Kysely } from "kysely";
import { canonicalJson } from "../canonicalJson.ts";
import type { RegistryDialect } from "../dialect/registryDialect.ts";

/**
 * Plans become data, and tenants are bound to a version of theirs. What the program had built in is version 1, so that nothing
 * about a tenant changes; from it each gets its first entitlements.
 */
export async function up(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await plans(db, dialect);
  await entitlements(db);
  await db.schema
    .alterTable("tenants")
    .addColumn("plan_version", "integer", (c) => c.notNull().defaultTo(1))
    .execute();
  await db.schema
    .createIndex("tenants_plan_version")
    .on("tenants")
    .columns(["plan", "plan_version", "tenant_id"])
    .execute();
  for (const [key, spec] of Object.entries(BUILT_IN)) await fill(db as Kysely<Tables>, key, spec);
}

async function plans(db: Kysely<unknown>, dialect: RegistryDialect): Promise<void> {
  await db.schema
    .createTable("plans")
    .addColumn("plan_key", "text", (c) => c.primaryKey())
    .addColumn("latest_version", "integer", (c) => c.notNull())
    .addColumn("display_name", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .execute();
  await db.schema
    .createTable("plan_versions")
    .addColumn("plan_key", "text", (c) => c.notNull().references("plans.plan_key"))
    .addColumn("version", "integer", (c) => c.notNull())
    .addColumn("spec", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("created_by", "text", (c) => c.notNull())
    .addColumn("created_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("plan_versions_pk", ["plan_key", "version"] as never[])
    .execute();
  await dialect.appendOnly(db, "plan_versions");
  await db.schema
    .createTable("capabilities")
    .addColumn("capability_key", "text", (c) => c.primaryKey())
    .addColumn("created_at", "text", (c) => c.notNull())
    .execute();
}

async function entitlements(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("entitlement_overrides")
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("capability_key", "text", (c) => c.notNull().references("capabilities.capability_key"))
    .addColumn("value", "text", (c) => c.notNull())
    .addColumn("on_stale", "text")
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("expires_at", "text")
    .addColumn("updated_by", "text", (c) => c.notNull())
    .addColumn("updated_at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("entitlement_overrides_pk", ["tenant_id", "capability_key"] as never[])
    .execute();
  await db.schema
    .createTable("entitlement_bundles")
    .addColumn("tenant_id", "text", (c) => c.primaryKey().references("tenants.tenant_id").onDelete("cascade"))
    .addColumn("version", "integer", (c) => c.notNull())
    .addColumn("content", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("next_change_at", "text")
    .addColumn("changed_by", "text", (c) => c.notNull())
    .addColumn("changed_at", "text", (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex("entitlement_bundles_next_change_at")
    .on("entitlement_bundles")
    .columns(["next_change_at", "tenant_id"])
    .execute();
  await db.schema
    .createIndex("entitlement_bundles_changed_at")
    .on("entitlement_bundles")
    .columns(["changed_at", "tenant_id"])
    .execute();
}

interface Tables {
  plans: { plan_key: string; latest_version: number; display_name: string; updated_at: string };
  plan_versions: {
    plan_key: string;
    version: number;
    spec: string;
    digest: string;
    created_by: string;
    created_at: string;
  };
  capabilities: { capability_key: string; created_at: string };
  tenants: { tenant_id: string; plan: string; created_at: string };
  entitlement_bundles: {
    tenant_id: string;
    version: number;
    content: string;
    digest: string;
    next_change_at: string | null;
    changed_by: string;
    changed_at: string;
  };
}

const SYSTEM = "controller";

async function fill(db: Kysely<Tables>, key: string, spec: (typeof BUILT_IN)[string]): Promise<void> {
  const at = new Date().toISOString();
  const written = { created_by: SYSTEM, created_at: at };
  await db
    .insertInto("plans")
    .values({ plan_key: key, latest_version: 1, display_name: spec.displayName, updated_at: at })
    .execute();
  await db
    .insertInto("plan_versions")
    .values({ plan_key: key, version: 1, spec: JSON.stringify(spec), digest: digestOf(spec), ...written })
    .execute();
  for (const capability of Object.keys(spec.features)) {
    await db
      .insertInto("capabilities")
      .values({ capability_key: capability, created_at: at })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  const content = { plan: key, planVersion: 1, entitlements: entriesOf(spec.features) };
  const values = { content: JSON.stringify(content), digest: digestOf(content) };
  // One statement a plan, however many tenants there are.
  await db
    .insertInto("entitlement_bundles")
    .columns(["tenant_id", "version", "content", "digest", "changed_by", "changed_at"])
    .expression(
      db
        .selectFrom("tenants")
        .select((eb) => [
          "tenant_id",
          eb.cast<number>(eb.val(1), "integer").as("version"),
          eb.cast<string>(eb.val(values.content), "text").as("content"),
          eb.cast<string>(eb.val(values.digest), "text").as("digest"),
          eb.cast<string>(eb.val(SYSTEM), "text").as("changed_by"),
          "created_at as changed_at",
        ])
        .where("plan", "=", key),
    )
    .execute();
}

function digestOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}

type Features = Readonly<Record<string, { readonly enabled: boolean; readonly onStale: "open" | "closed" }>>;

function entriesOf(features: Features) {
  const keys = Object.keys(features).sort();
  return Object.fromEntries(keys.map((key) => [key, { ...features[key], source: "plan" }]));
}

const size = (cpu: number, memoryMiB: number, minCount: number, maxCount: number) => ({
  ...{ cpu, memoryMiB, minCount, maxCount },
});
const perMinute = (requests: number) => ({ requests, windowSeconds: 60 });

/** The features each plan has; all name the same ones. */
function features(...enabled: string[]): Features {
  const onStale = {
    "api-access": "open",
    "audit-export": "closed",
    "byo-provider-keys": "closed",
    connectors: "open",
    "custom-domains": "open",
    "full-data-mode": "closed",
    "premium-connectors": "closed",
    "single-sign-on": "open",
  } as const;
  return Object.fromEntries(
    Object.entries(onStale).map(([key, kind]) => [key, { enabled: enabled.includes(key), onStale: kind }]),
  );
}

interface BuiltIn {
  readonly displayName: string;
  readonly features: Features;
  readonly [member: string]: unknown;
}

const BUILT_IN: Readonly<Record<string, BuiltIn>> = {
  starter: {
    displayName: "Starter",
    description: "Small teams in shared infrastructure.",
    features: features("api-access", "connectors"),
    quotas: {
      ...{ targets: 4, computeUnits: 5, storageGib: 10, connections: 5, eventsPerDay: 100_000 },
      ...{ connectorOperationsPerDay: 10_000, llmTokensPerMonth: 20_000_000 },
    },
    rateLimits: { default: perMinute(6_000), endpoints: {} },
    isolation: ["pooled"],
    services: {
      "integrations-service": size(256, 512, 1, 2),
      "discovery-service": size(256, 512, 1, 2),
      "discovery-worker": size(256, 512, 1, 2),
      "audit-service": size(256, 512, 1, 2),
      "iam-service": size(256, 512, 1, 2),
    },
  },
  business: {
    displayName: "Business",
    description:
      "Companies that want single sign-on, their own domain and data of their own where it matters.",
    features: features(
      ...["api-access", "audit-export", "connectors", "custom-domains"],
      ...["premium-connectors", "single-sign-on"],
    ),
    quotas: {
      ...{ targets: 10, computeUnits: 40, storageGib: 100, connections: 25, eventsPerDay: 2_000_000 },
      ...{ connectorOperationsPerDay: 200_000, llmTokensPerMonth: 400_000_000 },
    },
    rateLimits: { default: perMinute(30_000), endpoints: {} },
    isolation: ["pooled", "hybrid"],
    services: {
      "integrations-service": size(512, 1024, 2, 4),
      "discovery-service": size(512, 1024, 2, 4),
      "discovery-worker": size(512, 1024, 1, 6),
      "audit-service": size(256, 512, 2, 4),
      "iam-service": size(256, 512, 2, 4),
    },
  },
  enterprise: {
    displayName: "Enterprise",
    description: "Everything, with as much isolation as is asked for.",
    features: features(
      ...["api-access", "audit-export", "byo-provider-keys", "connectors", "custom-domains"],
      ...["full-data-mode", "premium-connectors", "single-sign-on"],
    ),
    quotas: {
      ...{ targets: 50, computeUnits: 600, storageGib: 2_000, connections: 500, eventsPerDay: 50_000_000 },
      connectorOperationsPerDay: 5_000_000,
    },
    rateLimits: { default: perMinute(120_000), endpoints: {} },
    isolation: ["pooled", "hybrid", "dedicated", "account"],
    services: {
      "integrations-service": size(1024, 2048, 3, 10),
      "discovery-service": size(1024, 2048, 3, 10),
      "discovery-worker": size(1024, 2048, 2, 20),
      "audit-service": size(512, 1024, 3, 8),
      "iam-service": size(512, 1024, 3, 8),
    },
  },
};
