import { randomUUID } from "node:crypto";
import type { Selectable } from "kysely";
import { type TenantCreate, tenantCreateSchema } from "../../contract/tenant.ts";
import { SERVICE_NAMES } from "../../contract/vocabulary.ts";
import { toJson } from "../../registry/json.ts";
import { planeRecord } from "../../registry/plane.ts";
import { type Change, openRegistry, type RegistryLocation } from "../../registry/registry.ts";
import { releaseCreate } from "../../registry/release.ts";
import type { Schema } from "../../registry/schema.ts";
import { SEARCH_LIMITS, sortTextOf, wordsOf } from "../../registry/searchText.ts";
import { targetCreate } from "../../registry/target.ts";
import { tenantCreate } from "../../registry/tenant.ts";

/**
 * Puts so many tenants into a new registry, as years of use would leave it: unequal plans, labels and places, a target for each, and a
 * few that are sick, behind or drifted. One tenant of each kind is made by the registry's own functions; the others are
 * copies of its rows, as a hundred thousand changes would take an hour.
 */
const PLANES = [
  { environment: "prod", region: "eu-west-1" },
  { environment: "prod", region: "us-east-1" },
  { environment: "stage", region: "eu-west-1" },
  { environment: "dev", region: "ap-southeast-2" },
] as const;
const FIRST = [
  "Acme",
  "Bluebird",
  "Corvid",
  "Delta",
  "Ember",
  "Fjord",
  "Granite",
  "Harbour",
  "Iris",
  "Juniper",
];
const SECOND = [
  "Robotics",
  "Bakery",
  "Logistics",
  "Health",
  "Energy",
  "Press",
  "Studios",
  "Foods",
  "Bank",
  "Rail",
];
const COPIES_AT_ONCE = 400;
const WORDS_AT_ONCE = 5_000;
const DAY_MS = 86_400_000;

const context = {
  actor: { kind: "system", id: "benchmark", name: "benchmark" },
  requestId: "fill",
  correlationId: "fill",
} as const;

type Row<Table extends keyof Schema> = Selectable<Schema[Table]>;

interface Original {
  readonly tenant: Row<"tenants">;
  readonly bundle: Row<"entitlementBundles">;
  readonly target: Row<"targets">;
  readonly seen: Row<"targetObservations">;
}

/** The ids of those that were made. */
export async function fillRegistry(location: RegistryLocation, tenants: number): Promise<readonly string[]> {
  const registry = await openRegistry({ ...location, statementTimeoutMs: 600_000 });
  try {
    return await registry.change(context, async (change) => {
      const originals = await makeOriginals(change);
      const ids: string[] = [];
      for (let from = 0; from < tenants; from += COPIES_AT_ONCE) {
        const places = Array.from({ length: Math.min(COPIES_AT_ONCE, tenants - from) }, (_, n) => from + n);
        ids.push(...(await copy(change, originals, places)));
      }
      return ids;
    });
  } finally {
    await registry.close();
  }
}

async function makeOriginals(change: Change): Promise<readonly Original[]> {
  const services = Object.fromEntries(
    SERVICE_NAMES.map((name) => [name, { image: `registry.example/${name}:1`, environment: {} }]),
  ) as Parameters<typeof releaseCreate>[1]["services"];
  for (const description of ["1", "2"]) await releaseCreate(change, { description, services });
  const originals: Original[] = [];
  for (const { environment, region } of PLANES) {
    const name = `${environment}-${region}`;
    const facts = { accountId: "123456789012", stackName: environment, outputs: {} };
    const plane = await planeRecord(change, { name, environment, region, ...facts });
    for (const plan of ["starter", "business", "enterprise"]) {
      const slug = `original-${plan}-${originals.length}`;
      const input: TenantCreate = tenantCreateSchema.parse({ slug, displayName: slug, plan, planes: [name] });
      const { tenantId } = await tenantCreate(change, input);
      const target = await targetCreate(change, {
        ...{ tenantId, plane, generation: 1, targetReleaseNumber: 2 },
        ...{ projectName: `tenant-${tenantId}`, stackName: `${name}-1` },
      });
      originals.push(await rowsOf(change, tenantId, target.targetId));
    }
  }
  return originals;
}

async function rowsOf({ db }: Change, tenantId: string, targetId: string): Promise<Original> {
  const ofTenant = <T extends "tenants" | "entitlementBundles" | "targets">(table: T) =>
    db
      .selectFrom(table as "tenants")
      .selectAll()
      .where("tenantId", "=", tenantId)
      .executeTakeFirstOrThrow() as unknown as Promise<Row<T>>;
  return {
    tenant: await ofTenant("tenants"),
    bundle: await ofTenant("entitlementBundles"),
    target: await ofTenant("targets"),
    seen: await db
      .selectFrom("targetObservations")
      .selectAll()
      .where("targetId", "=", targetId)
      .executeTakeFirstOrThrow(),
  };
}

async function copy(
  change: Change,
  originals: readonly Original[],
  places: readonly number[],
): Promise<string[]> {
  const { db } = change;
  const copies = places.map((place) => copyAt(originals, place));
  const all = <T>(part: (one: Copy) => T): T[] => copies.map(part);
  await db
    .insertInto("tenants")
    .values(all((one) => one.tenant))
    .execute();
  await db
    .insertInto("tenantLabels")
    .values(copies.flatMap((one) => one.labels))
    .execute();
  await db
    .insertInto("entitlementBundles")
    .values(all((one) => one.bundle))
    .execute();
  await db
    .insertInto("targets")
    .values(all((one) => one.target))
    .execute();
  await db
    .insertInto("targetObservations")
    .values(all((one) => one.seen))
    .execute();
  const words = copies.flatMap((one) => one.words);
  for (let from = 0; from < words.length; from += WORDS_AT_ONCE) {
    await db
      .insertInto("tenantWords")
      .values(words.slice(from, from + WORDS_AT_ONCE))
      .execute();
  }
  return all((one) => one.tenant.tenantId);
}

type Copy = Original & {
  readonly labels: Row<"tenantLabels">[];
  readonly words: Row<"tenantWords">[];
};

/** Unequal shares, without chance: the same in every run, and the same at every size. */
function copyAt(originals: readonly Original[], place: number): Copy {
  const share = (place * 7_919) % 1_000;
  const plan = share < 700 ? 0 : share < 980 ? 1 : 2;
  const where = place % 50 === 7 ? 3 : place % 10 === 3 ? 2 : place % 3 === 0 ? 1 : 0;
  // As many as there are originals, so never undefined.
  const original = originals[where * 3 + plan] as Original;
  const tenantId = randomUUID();
  const targetId = randomUUID();
  const slug = `${pick(FIRST, place)}-${pick(SECOND, place / 10)}-${place}`.toLowerCase();
  const displayName = `${pick(FIRST, place)} ${pick(SECOND, place / 10)} ${place}`;
  const labels = { tier: share < 100 ? "gold" : share < 400 ? "silver" : "tin", desk: `desk-${place % 40}` };
  const createdAt = new Date(Date.UTC(2026, 0, 1) + (place % 900) * (DAY_MS / 4)).toISOString();
  const times = { createdAt, updatedAt: createdAt };
  const state = {
    health: place % 100 === 0 ? "down" : "healthy",
    drift: place % 200 === 1 ? "drifted" : "clean",
  } as const;
  const releases = { currentReleaseNumber: place % 100 < 3 ? 1 : 2, targetReleaseNumber: 2 };
  return {
    tenant: {
      ...{
        ...original.tenant,
        ...times,
        tenantId,
        slug,
        displayName,
        status: "active",
        requestedStatus: "active",
      },
      ...{ displaySort: sortTextOf(displayName), labels: toJson(labels) },
    },
    bundle: { ...original.bundle, tenantId },
    target: {
      ...{ ...original.target, ...times, ...releases, tenantId, targetId, deploymentState: "ready" },
      projectName: `tenant-${tenantId}`,
    },
    seen: { ...original.seen, targetId, ...state },
    labels: Object.entries(labels).map(([key, value]) => ({ tenantId, key, value })),
    words: wordsOf([slug, displayName, ...Object.entries(labels).flat()], SEARCH_LIMITS.wordsPerTenant).map(
      (word) => ({ tenantId, word }),
    ),
  };
}

function pick(list: readonly string[], place: number): string {
  return list[Math.floor(place) % list.length] ?? "";
}
