import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import Database from "better-sqlite3";
import { afterEach, describe } from "vitest";
import type { Plane } from "../../contract/plane.ts";
import type { Release } from "../../contract/release.ts";
import type { Target } from "../../contract/target.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { type TenantCreate, tenantCreateSchema } from "../../contract/tenant.ts";
import { SERVICE_NAMES } from "../../contract/vocabulary.ts";
import type { ChangeContext } from "../../registry/audit.ts";
import { planeRecord } from "../../registry/plane.ts";
import { type Change, openRegistry, type Registry, type RegistryOptions } from "../../registry/registry.ts";
import { releaseCreate } from "../../registry/release.ts";
import { targetCreate } from "../../registry/target.ts";
import { tenantCreate } from "../../registry/tenant.ts";

/**
 * The suites of the registry run once a dialect. A dialect gives an empty database, opens registries on it and lets a
 * test go behind the registry's back, as an attacker or a careless administrator would.
 */
export interface TestDatabase {
  open(options?: Omit<RegistryOptions, "file">): Promise<Registry>;
  /** Holds the write lock, as another process would, until the returned function is called. */
  lock(): () => void;
  /** Runs statements without the registry; answers the rows of the last. */
  raw(...statements: string[]): Promise<Record<string, unknown>[]>;
  /** What another process needs to open the same database. */
  readonly location: string;
}

interface TestDialect {
  readonly name: Registry["dialect"];
  create(): Promise<TestDatabase & { dispose(): Promise<void> }>;
}

const dialects: readonly TestDialect[] = [{ name: "sqlite", create: createSqlite }];

async function createSqlite(): Promise<TestDatabase & { dispose(): Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), "tenantry-registry-"));
  const file = path.join(folder, "registry.sqlite");
  const opened: Registry[] = [];
  return {
    location: file,
    async open(options = {}) {
      const registry = await openRegistry({ file, ...options });
      opened.push(registry);
      return registry;
    },
    lock() {
      const database = new Database(file);
      database.exec("begin immediate");
      return () => void database.close();
    },
    async raw(...statements) {
      const database = new Database(file);
      try {
        return statements.map((statement) => runRaw(database, statement)).at(-1) ?? [];
      } finally {
        database.close();
      }
    },
    async dispose() {
      for (const registry of opened) await registry.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function runRaw(database: Database.Database, statement: string): Record<string, unknown>[] {
  const prepared = database.prepare(statement);
  if (prepared.reader) return prepared.all() as Record<string, unknown>[];
  prepared.run();
  return [];
}

/** Describes a suite once a dialect; each `create` gives a database that is gone after the test. */
export function describeDialects(
  name: string,
  suite: (create: () => Promise<TestDatabase>, dialect: Registry["dialect"]) => void,
): void {
  describe.each(dialects)(`${name} on $name`, (dialect) => {
    const created: { dispose(): Promise<void> }[] = [];
    afterEach(async () => {
      for (const database of created.splice(0)) await database.dispose();
    });
    suite(async () => {
      const database = await dialect.create();
      created.push(database);
      return database;
    }, dialect.name);
  });
}

export const context: ChangeContext = {
  actor: { kind: "api_key", id: "key-of-ada", name: "ada" },
  requestId: "request-1",
  correlationId: "correlation-1",
};

/** A clock that stands until moved. */
export function settableClock(start = "2026-03-01T09:00:00.000Z") {
  let time = Date.parse(start);
  return {
    now: () => new Date(time),
    advance: (ms: number) => {
      time += ms;
    },
  };
}

export function tenantInput(slug: string, rest: Partial<TenantCreate> = {}): TenantCreate {
  return { ...tenantCreateSchema.parse({ slug, displayName: `Tenant ${slug}`, plan: "starter" }), ...rest };
}

export function addTenant(
  registry: Registry,
  slug: string,
  rest: Partial<TenantCreate> = {},
): Promise<Tenant> {
  return registry.change(context, (change) => tenantCreate(change, tenantInput(slug, rest)));
}

export function addPlane(registry: Registry, environment: "dev" | "prod" = "dev"): Promise<Plane> {
  const region = "eu-west-1";
  return registry.change(context, (change) =>
    planeRecord(change, {
      name: `${environment}-${region}`,
      environment,
      region,
      accountId: "123456789012",
      stackName: environment,
      outputs: { clusterName: `${environment}-cluster` },
    }),
  );
}

export function addRelease(registry: Registry, tag = "1.0.0"): Promise<Release> {
  const services = Object.fromEntries(
    SERVICE_NAMES.map((name) => [name, { image: `registry.example/${name}:${tag}`, environment: {} }]),
  ) as Release["services"];
  return registry.change(context, (change) => releaseCreate(change, { description: tag, services }));
}

export async function addTarget(
  registry: Registry,
  slug: string,
  environment: "dev" | "prod" = "dev",
): Promise<{ tenant: Tenant; plane: Plane; target: Target }> {
  const tenant = await addTenant(registry, slug);
  const plane = await addPlane(registry, environment);
  const target = await registry.change(context, (change) => newTarget(change, tenant, plane));
  return { tenant, plane, target };
}

export function newTarget(change: Change, tenant: Tenant, plane: Plane, generation = 1): Promise<Target> {
  return targetCreate(change, {
    tenantId: tenant.tenantId,
    plane,
    generation,
    projectName: `tenant-${tenant.tenantId}`,
    stackName: `${plane.name}-${generation}`,
    targetReleaseNumber: null,
  });
}
