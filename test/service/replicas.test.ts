import { afterEach, describe, expect, it } from "vitest";
import { releaseBody, waitFor } from "./harness.ts";
import {
  activate,
  addTenants,
  createReplicas,
  endedAt,
  peakOf,
  type Replica,
  type Replicas,
} from "./replicas.ts";
import { createRolloutClient } from "./rollouts.ts";

const open: Replicas[] = [];
afterEach(async () => {
  for (const replicas of open.splice(0)) await replicas.cleanUp();
});

/** Undefined, with the reason printed, where there is no PostgreSQL. */
async function setUp(skip: (why: string) => void, runMs = 0): Promise<Replicas> {
  const replicas = await createReplicas({ runMs });
  if (typeof replicas === "string") {
    skip(`no PostgreSQL here: ${replicas}`);
    throw new Error(replicas);
  }
  open.push(replicas);
  return replicas;
}

const running = (replicas: Replicas, tenantId: string) =>
  waitFor("a run", async () => replicas.runs().find(({ key }) => key.startsWith(tenantId)));

describe("replicas on one PostgreSQL", () => {
  it("started at once make one admin key, and what one is asked the other does", async ({ skip }) => {
    const replicas = await setUp(skip);
    const [api, worker] = (await Promise.all([
      replicas.start("host-a", ["--role", "api"]),
      replicas.start("host-b", ["--role", "worker"]),
    ])) as [Replica, Replica];
    expect(replicas.adminKeys()).toHaveLength(1);
    const [tenantId = ""] = await addTenants(replicas, api, 1);
    replicas.hold(true);
    const operationId = await activate(replicas, api, tenantId);
    expect((await running(replicas, tenantId)).pid).toBe(worker.pid);
    const stream = follow(replicas, api, operationId);
    replicas.hold(false);
    // Written by the worker, read at the api as it happens.
    const events = await stream;
    expect(events.at(-1)).toBe("end");
    expect(events).toContain("succeeded");
    expect((await replicas.call(worker, "GET", "/tenants")).status).toBe(404);
    expect((await fetch(`${worker.url}/readiness`)).status).toBe(200);
  });

  it("of which ten start at once make one schema, one queue and one admin key", async ({ skip }) => {
    const replicas = await setUp(skip);
    const started = await Promise.all(
      Array.from({ length: 10 }, (_, place) => replicas.start(`host-${place}`, ["--role", "api"])),
    );
    expect(replicas.adminKeys()).toHaveLength(1);
    for (const one of started) expect((await replicas.call(one, "GET", "/tenants")).status).toBe(200);
    expect(await replicas.raw("select 1 from processes where stopped_at is null")).toHaveLength(10);
  });

  it("drive a rollout together without passing its bound, and scan for drift once", async ({ skip }) => {
    const replicas = await setUp(skip, 100);
    const [first, second] = (await Promise.all([replicas.start("host-a"), replicas.start("host-b")])) as [
      Replica,
      Replica,
    ];
    const tenants = await addTenants(replicas, first, 6);
    const ids = await Promise.all(tenants.map((tenantId) => activate(replicas, first, tenantId)));
    for (const operationId of ids) await endedAt(replicas, second, operationId);
    const { body: release } = await replicas.call(first, "POST", "/releases", releaseBody("2.0.0"));
    const before = replicas.runs().length;
    const change = { kind: "release", releaseNumber: release.number };
    const rollouts = createRolloutClient((method, at, body) => replicas.call(second, method, at, body));
    const done = await rollouts.run({ change, waves: [], maxConcurrency: 2 });
    expect(done).toMatchObject({ status: "succeeded" });
    const runs = replicas.runs().slice(before);
    expect(runs).toHaveLength(6);
    expect(peakOf(runs)).toBeLessThanOrEqual(2);
    const { body: scan } = await replicas.call(second, "POST", "/drift/scans", {});
    const scanned = await waitFor("the scan", async () => {
      const now = (await replicas.call(first, "GET", `/drift/scans/${scan.scanId}`)).body;
      return now.finishedAt === null ? undefined : now;
    });
    expect(scanned).toMatchObject({ status: "succeeded", targetsDone: 6, targetsFailed: 0 });
    expect(replicas.runs()).toHaveLength(before + 12);
  });

  it("find an operation whose job was never made", async ({ skip }) => {
    const replicas = await setUp(skip);
    const api = await replicas.start("host-a", ["--role", "api"]);
    const worker = await replicas.start("host-b", ["--role", "worker"]);
    const [tenantId = ""] = await addTenants(replicas, api, 1);
    await replicas.raw(
      `create function told() returns trigger language plpgsql as $$ begin
         new.dispatched_at = '2026-01-01T00:00:00.000Z'; return new; end $$`,
      "create trigger told before insert on operations for each row execute function told()",
    );
    const operationId = await activate(replicas, api, tenantId);
    expect(await endedAt(replicas, api, operationId)).toMatchObject({ status: "succeeded" });
    expect(replicas.runs().map(({ pid }) => pid)).toEqual([worker.pid]);

    const headers = { authorization: `Bearer ${replicas.adminKeys()[0]}` };
    const astray = await fetch(`${worker.url}/v1/control-plane/tenants`, { headers });
    expect(astray.status).toBe(404);
    expect(await astray.json()).toMatchObject({ hint: "Ask a service with the role api or all." });
  });

  it("cancel what runs elsewhere", async ({ skip }) => {
    const replicas = await setUp(skip);
    const api = await replicas.start("host-a", ["--role", "api"]);
    await replicas.start("host-b", ["--role", "worker"]);
    const [tenantId = ""] = await addTenants(replicas, api, 1);
    replicas.hold(true);
    const operationId = await activate(replicas, api, tenantId);
    await running(replicas, tenantId);
    await replicas.call(api, "POST", `/operations/${operationId}/cancel`, {});
    replicas.hold(false);
    expect(await endedAt(replicas, api, operationId)).toMatchObject({ status: "cancelled" });
  });

  it("never run more at once than a plane may, nor two on one stack", async ({ skip }) => {
    const replicas = await setUp(skip, 150);
    const flags = ["--plane-concurrency", "3", "--concurrency", "2"];
    const [first, second] = (await Promise.all([
      replicas.start("host-a", flags),
      replicas.start("host-b", flags),
    ])) as [Replica, Replica];
    const tenants = await addTenants(replicas, first, 12);
    const ids = await Promise.all(
      tenants.map((tenantId, place) => activate(replicas, place % 2 === 0 ? first : second, tenantId)),
    );
    for (const operationId of ids) {
      expect(await endedAt(replicas, second, operationId)).toMatchObject({ status: "succeeded", attempt: 1 });
    }
    const runs = replicas.runs();
    expect(runs).toHaveLength(12);
    expect(peakOf(runs)).toBeLessThanOrEqual(3);
    expect(new Set(runs.map(({ pid }) => pid)).size).toBe(2);
  });
});

/** The names of the events of an operation's stream, to its end. */
async function follow(replicas: Replicas, at: Replica, operationId: string): Promise<string[]> {
  const response = await fetch(`${at.url}/v1/control-plane/operations/${operationId}/events`, {
    headers: { authorization: `Bearer ${replicas.adminKeys()[0]}` },
  });
  const text = await response.text();
  return [...text.matchAll(/^event: (.+)$/gm)].map((match) => match[1] ?? "");
}
