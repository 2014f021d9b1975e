/**
 * script/bench metering [--seconds N] [--tenants N] [--senders N] [--keep DIR]: usage events a second that the service counts durably.
 *
 * The real service on SQLite, each commit on the disk before it is answered (WAL, synchronous=FULL), over HTTP: senders post batches of
 * 1,000 events with random ids, of four meters, for tenants taken at random, spread over the last two hours. Then all batches of
 * the last seconds come a second time, as after an outage. What is told is what was answered as accepted or duplicate; the totals
 * must be those of the events sent, or the benchmark fails. Sender and service share the machine.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createLedger } from "../chaos/ledger.ts";
import { Replica } from "../chaos/replica.ts";
import { cleanEnvironment, freePort } from "../chaos/world.ts";
import type { Page } from "../contract/common.ts";
import type { UsageEvent, UsageIngested, UsageTotal } from "../contract/usage.ts";
import { ensureLocalCloud, stopLocalCloud } from "../launcher/localCloud.ts";
import { readCount, readFlags } from "./options.ts";

const BATCH = 1_000;
/** Batches that are sent once more. */
const REPEATED = 50;
const METERS = ["llm_tokens", "connector_operations", "api_requests", "events"];
const BASE = "/v1/control-plane";

const values = readFlags({
  seconds: { type: "string", default: "10" },
  tenants: { type: "string", default: "100" },
  senders: { type: "string", default: "3" },
  keep: { type: "string" },
});
const seconds = readCount("seconds", values.seconds);
const tenants = readCount("tenants", values.tenants);
const senders = readCount("senders", values.senders);

const dataDir = values.keep ?? (await mkdtemp(join(tmpdir(), "tenantry-bench-metering-")));
try {
  const service = await startService();
  try {
    await measure(service.url, service.adminKey ?? "");
  } finally {
    await service.stop();
  }
} finally {
  await stopLocalCloud({ dataDir });
  if (values.keep === undefined) await rm(dataDir, { recursive: true, force: true });
}

async function startService(): Promise<Replica> {
  await ensureLocalCloud({ dataDir });
  const flags = ["--reconcile", "off", "--engine-workers", "1", "--health-poll-ms", "3600000"];
  const env = cleanEnvironment({ TENANTRY_DATA: dataDir, TENANTRY_CLOUD: "local" });
  const replica = new Replica({ name: "bench", dataDir, port: await freePort(), flags, env }, createLedger());
  replica.start();
  await replica.untilReady();
  return replica;
}

interface Spent {
  readonly events: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly batchP50Ms: number;
  readonly batchP99Ms: number;
}

async function measure(url: string, key: string): Promise<void> {
  const tenantIds = await makeTenants(url, key);
  const sent: UsageEvent[][] = [];
  // What is compiled at the first call is not what is measured.
  for (let batch = 0; batch < 3; batch += 1) sent.push(await accept(url, key, tenantIds, () => true));
  const until = performance.now() + seconds * 1_000;
  const first = await timed(async (took) => {
    while (performance.now() < until) sent.push(await accept(url, key, tenantIds, took));
  });
  const repeated = sent.slice(-REPEATED);
  const next = [...repeated];
  const again = await timed(async (took) => {
    for (let events = next.pop(); events !== undefined; events = next.pop()) {
      const { duplicates } = await post(url, key, events, took);
      if (duplicates !== BATCH)
        throw new Error(`Cannot go on: all events must be duplicates, got ${duplicates}`);
    }
  });
  await checkTotals(url, key, tenantIds, sent.flat());
  tell("counted", first);
  tell("known already", again);
  const figures = { bench: "metering", cores: availableParallelism(), load: loadavg(), tenants, senders };
  console.log(JSON.stringify({ ...figures, batch: BATCH, counted: first, duplicates: again }));
}

function tell(what: string, { events, perSecond, batchP50Ms, batchP99Ms }: Spent): void {
  const batches = `batches of ${BATCH} took ${batchP50Ms} ms (p50), ${batchP99Ms} ms (p99)`;
  console.log(`${what.padEnd(14)} ${perSecond} events/s (${events} events; ${batches})`);
}

type Took = (ms: number) => void;

/** Runs the work once a sender, and says what came of it. */
async function timed(work: (took: Took) => Promise<void>): Promise<Spent> {
  const times: number[] = [];
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: senders }, () => work((ms) => void times.push(ms))));
  const spent = (performance.now() - startedAt) / 1_000;
  const sorted = times.sort((one, other) => one - other);
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN);
  const events = times.length * BATCH;
  const perSecond = Math.round(events / spent);
  return {
    ...{ events, seconds: Math.round(spent * 10) / 10, perSecond },
    ...{ batchP50Ms: at(0.5), batchP99Ms: at(0.99) },
  };
}

async function accept(
  url: string,
  key: string,
  tenantIds: readonly string[],
  took: Took,
): Promise<UsageEvent[]> {
  const events = makeEvents(tenantIds);
  const { accepted } = await post(url, key, events, took);
  if (accepted !== BATCH) throw new Error(`Cannot go on: all events must be accepted, got ${accepted}`);
  return events;
}

function makeEvents(tenantIds: readonly string[]): UsageEvent[] {
  const now = Date.now();
  return Array.from({ length: BATCH }, (_, place) => ({
    eventId: randomUUID(),
    tenantId: tenantIds[Math.floor(Math.random() * tenantIds.length)] ?? "",
    meter: METERS[place % METERS.length] ?? "",
    quantity: 1 + Math.floor(Math.random() * 1_000),
    occurredAt: new Date(now - Math.random() * 7_200_000).toISOString(),
  }));
}

async function post(
  url: string,
  key: string,
  events: readonly UsageEvent[],
  took: Took,
): Promise<UsageIngested> {
  const body = JSON.stringify({ events });
  const startedAt = performance.now();
  const answer = await call<UsageIngested>(url, key, "POST", "/usage/events", body);
  took(performance.now() - startedAt);
  return answer;
}

async function makeTenants(url: string, key: string): Promise<string[]> {
  const ids: string[] = [];
  for (let number = 1; number <= tenants; number += 1) {
    const slug = `metered-${number}`;
    const body = JSON.stringify({ slug, displayName: slug, plan: "enterprise" });
    ids.push((await call<{ tenantId: string }>(url, key, "POST", "/tenants", body)).tenantId);
  }
  return ids;
}

async function checkTotals(
  url: string,
  key: string,
  tenantIds: readonly string[],
  events: readonly UsageEvent[],
): Promise<void> {
  let counted = 0;
  for (const tenantId of tenantIds) {
    const query = `tenantId=${tenantId}&window=month&limit=200`;
    const { items } = await call<Page<UsageTotal>>(url, key, "GET", `/usage/totals?${query}`);
    counted += items.reduce((sum, { quantity }) => sum + quantity, 0);
  }
  const expected = events.reduce((sum, { quantity }) => sum + quantity, 0);
  if (counted !== expected) throw new Error(`Cannot go on: the totals must be ${expected}, got ${counted}`);
}

async function call<T>(url: string, key: string, method: string, path: string, body?: string): Promise<T> {
  const response = await fetch(`${url}${BASE}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body !== undefined && { body }),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`Cannot go on: ${method} ${path} answered ${response.status}: ${answer}`);
  return JSON.parse(answer) as T;
}
