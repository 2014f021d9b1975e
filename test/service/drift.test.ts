import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { breakerWrite } from "../../registry/breaker.ts";
import type { DriftFinding } from "../../service/engine/engine.ts";
import { fakeChange } from "./fakePlan.ts";
import type { FakeStack } from "./fakes.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  ended,
  plane,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";
import { rolloutsOf } from "./rollouts.ts";

/** Drift over HTTP, on the stand-in engine: what a scan tells, why, what is ignored, and what a repair is bound to. */
const QUEUE = "aws:sqs/queue:Queue";
const tenants = { acme: "", bolt: "", core: "" };
let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1");
  for (const slug of ["acme", "bolt", "core"] as const) {
    tenants[slug] = await createTenant(service, slug, { labels: { tier: slug === "core" ? "lab" : "live" } });
    await run(service, `/tenants/${tenants[slug]}/activate`);
  }
});

afterAll(() => service.stop());

beforeEach(async () => {
  for (const stack of service.world.stacks.values()) {
    Object.assign(stack, { findings: [], hidden: [], stray: [], outputs: {} });
  }
  service.world.plan = undefined;
});

describe("a scan", () => {
  it("lists for each finding its cause, whether it is new and whether it is ignored", async () => {
    drift("acme", changed({ delaySeconds: 9 }));
    const first = await findingsOf(await scan());
    expect(first).toMatchObject([
      {
        ...{ tenantId: tenants.acme, slug: "acme", kind: "changed", isNew: true, ignored: false },
        properties: [{ path: "delaySeconds", recorded: 0, actual: 9 }],
      },
    ]);
    const second = await scan();
    expect(second).toMatchObject({ findingsOpen: 1, findingsNew: 0 });
    expect(await findingsOf(second)).toMatchObject([{ causeId: first[0].causeId, isNew: false }]);
  });

  it("lists apart what the program hides, and counts it as no drift", async () => {
    stackOf("acme").hidden = [changed({ desiredCount: 3 })];
    const done = await scan();
    expect(done).toMatchObject({ findingsOpen: 0, findingsHidden: 1 });
    expect(await findingsOf(done)).toMatchObject([{ kind: "hidden", causeId: null }]);
    expect((await get(`/drift?tenantId=${tenants.acme}`)).items).toEqual([]);
    expect((await get(`/drift?tenantId=${tenants.acme}&kind=hidden`)).items).toHaveLength(1);
    expect(await driftOf("acme")).toBe("clean");
  });

  it("finds objects with the tenant's tag that no state records", async () => {
    const arn = "arn:aws:sqs:eu-west-1:123456789012:stray";
    stackOf("bolt").stray = [{ arn, type: "sqs:queue", id: "stray", state: "present" }];
    const found = await findingsOf(await scan());
    expect(found).toMatchObject([{ kind: "unmanaged", physicalId: arn, tenantId: tenants.bolt }]);
    expect(found[0].needsPerson).toContain("no state records it");
    expect(await run(service, "/drift/repairs")).toEqual([]);
    // Nor has a deployment anything to put right there.
    const runs = service.world.runs.length;
    expect(await driftOf("bolt")).toBe("drifted");
    const [deployment] = await run(service, `/tenants/${tenants.bolt}/deploy`);
    expect(deployment.status).toBe("succeeded");
    const change = { kind: "release", releaseNumber: 1 };
    const rollout = await rolloutsOf(service).run({ change, scope: { tenantIds: [tenants.bolt] } });
    expect(rollout).toMatchObject({ status: "succeeded", counts: { unchanged: 1 } });
    expect(service.world.runs).toHaveLength(runs);
    stackOf("bolt").findings = [changed({ delaySeconds: 7 })];
    await scan({ tenantIds: [tenants.bolt] });
    await run(service, `/tenants/${tenants.bolt}/deploy`);
    expect(service.world.runs.at(-1)).not.toMatch(/^drift/);
    expect(stackOf("bolt").findings).toEqual([]);
  });

  it("finds stacks that are not what the registry says, and those that are gone", async () => {
    stackOf("acme").outputs = { specDigest: "another" };
    const gone = keyOfTenant("bolt");
    const kept = service.world.stacks.get(gone);
    service.world.stacks.delete(gone);
    const found = await findingsOf(await scan());
    service.world.stacks.set(gone, kept as FakeStack);
    expect(found).toMatchObject([
      { kind: "registry", tenantId: tenants.acme, properties: [{ path: "specDigest", actual: "another" }] },
      { kind: "registry", tenantId: tenants.bolt, logicalName: "stack" },
    ]);
  });

  it("is of a cohort when one is named", async () => {
    const body = { labels: { tier: "live" }, exclude: { tenantIds: [tenants.bolt] } };
    expect(await scan(body)).toMatchObject({ targetsTotal: 1, scope: body });
    const unknown = await post("/drift/scans", { planes: ["dev-eu-west-9"] });
    expect(unknown).toMatchObject({ status: 404, body: { code: "plane_not_found" } });
  });

  it.each([1, 2])("looks at %i targets at once when --scan-concurrency says so", async (most) => {
    await service.restart(["--scan-concurrency", String(most)]);
    service.world.peaks.overall = 0;
    const open = closeGate();
    const { scanId } = (await post("/drift/scans")).body;
    const { peaks } = service.world;
    await waitFor("the runs", async () => peaks.overall === most || undefined);
    // Time for one too many to begin.
    await new Promise((resolve) => setTimeout(resolve, 200));
    open();
    expect(await scanned(scanId)).toMatchObject({ status: "succeeded", targetsDone: 3 });
    expect(peaks.overall).toBe(most);
  });

  it("looks once more at the end at what was busy, and says what is in the way", async () => {
    const open = closeGate();
    const path = `/tenants/${tenants.acme}/deploy`;
    const [operation] = (await post(path, { force: true })).body.operations;
    await waitFor("the run", async () => service.world.runs.some((one) => one.startsWith("up")) || undefined);
    const { scanId } = (await post("/drift/scans", { tenantIds: [tenants.acme] })).body;
    const busy = await scanned(scanId);
    open();
    await ended(service, operation.operationId);
    expect(busy).toMatchObject({ status: "succeeded", targetsSkipped: 1, targetsDone: 1 });
    expect(busy.targets[0].error).toContain(operation.operationId);
    const { items } = await get(`/drift/scans/${scanId}/targets?status=skipped`);
    expect(items).toHaveLength(1);
  });
});

describe("a scan of a plane whose circuit breaker is open", () => {
  it("leaves it alone, says why, and looks again once the breaker is reset", async () => {
    const scope = `plane/${plane}`;
    await service.registry().record((record) =>
      breakerWrite(record, {
        ...{ scope, state: "open", outcomes: [], reason: "the cloud refuses", openings: 1 },
        ...{ openedAt: record.now, retryAt: inMs(3_600_000), updatedAt: record.now },
        ...{ probeHolder: null, probeUntil: null },
      }),
    );
    drift("acme", changed({ delaySeconds: 8 }));
    const runs = service.world.runs.length;
    const done = await scan();
    expect(done).toMatchObject({ status: "succeeded", targetsSkipped: 3, targetsDone: 3, findingsOpen: 0 });
    for (const { status, error } of done.targets) {
      expect(status).toBe("skipped");
      expect(error).toContain(`circuit breaker of ${plane}`);
    }
    expect(service.world.runs).toHaveLength(runs);
    await post(`/breakers/${encodeURIComponent(scope)}/reset`, { reason: "mended" });
    expect(await scan()).toMatchObject({ targetsSkipped: 0, findingsOpen: 1 });
  });
});

describe("a cause", () => {
  it("is one for the same change on several tenants, told once until it is resolved, and opened again", async () => {
    const from = (await events()).length;
    for (const slug of ["acme", "bolt", "core"] as const)
      drift(slug, changed({ "tags.owner": `${slug}-team` }));
    const found = await findingsOf(await scan());
    const causeId: string = found[0].causeId;
    expect(new Set(found.map((one: { causeId: string }) => one.causeId))).toEqual(new Set([causeId]));
    await scan();
    const cause = await get(`/drift/causes/${causeId}`);
    expect(cause).toMatchObject({
      ...{ status: "open", tenants: 3, findings: 3, episodes: 1, resourceType: QUEUE },
      properties: [{ path: "tags.owner", actual: "{slug}-team" }],
    });
    expect((await get(`/drift/causes/${causeId}/findings`)).items).toHaveLength(3);
    const told = (all: readonly string[]) => all.slice(from).filter((type) => type === "drift.cause_opened");
    expect(told(await events())).toHaveLength(1);

    for (const slug of ["acme", "bolt", "core"] as const) stackOf(slug).findings = [];
    await scan();
    expect(await get(`/drift/causes/${causeId}`)).toMatchObject({ status: "resolved", tenants: 0 });
    drift("core", changed({ "tags.owner": "core-team" }));
    await scan();
    expect(told(await events())).toHaveLength(2);
    const again = await get(`/drift/causes/${causeId}`);
    expect(again).toMatchObject({ status: "open", tenants: 1, episodes: 2 });
    expect(again.history).toMatchObject([
      { episode: 2, resolvedAt: null },
      { episode: 1, resolvedAt: expect.any(String), mostTenants: 3 },
    ]);
  });

  it("is ranked by its tenants, page by page", async () => {
    drift("acme", changed({ a: 1 }), changed({ b: 1 }, "other"));
    drift("bolt", changed({ b: 1 }, "other"));
    await scan();
    const first = await get("/drift/causes?limit=1");
    const second = await get(`/drift/causes?limit=1&cursor=${first.nextCursor}`);
    expect([...first.items, ...second.items].map(({ tenants }) => tenants)).toEqual([2, 1]);
    expect((await get(`/drift/causes?tenantId=${tenants.bolt}`)).items).toHaveLength(1);
    expect((await get(`/drift/causes/${tenants.bolt}`, 404)).code).toBe("drift_cause_not_found");
  });

  it("that is ignored counts as no drift until the ignore ends", async () => {
    const from = (await events()).length;
    for (const slug of ["acme", "core"] as const) drift(slug, changed({ delaySeconds: 7 }));
    const [{ causeId }] = await findingsOf(await scan());
    const body = { reason: "load test", expiresAt: inMs(60_000), scope: { labels: { tier: "lab" } } };
    const ignore = await post(`/drift/causes/${causeId}/ignores`, body);
    expect(ignore).toMatchObject({ status: 201, body: { causeId, endedAt: null } });
    expect([await driftOf("acme"), await driftOf("core")]).toEqual(["drifted", "clean"]);
    const done = await scan();
    expect(done).toMatchObject({ findingsOpen: 1, findingsIgnored: 1 });
    expect((await get("/drift/repairs/preview", 200, {})).targets).toMatchObject([{ slug: "acme" }]);

    const end = await post(`/drift/ignores/${ignore.body.ignoreId}/end`, { reason: "over" });
    expect(end).toMatchObject({ status: 200, body: { endedBy: expect.any(String) } });
    expect(await driftOf("core")).toBe("drifted");
    expect(await ignoresToldSince(from)).toBe(1);
  });

  it("is ignored for a time only", async () => {
    const from = (await events()).length;
    drift("acme", changed({ delaySeconds: 8 }));
    const [{ causeId }] = await findingsOf(await scan());
    const path = `/drift/causes/${causeId}/ignores`;
    const forGood = await post(path, { reason: "never mind", expiresAt: inMs(400 * 86_400_000) });
    expect(forGood).toMatchObject({ status: 422, body: { code: "invalid_request" } });
    await post(path, { reason: "for a moment", expiresAt: inMs(700) });
    expect(await driftOf("acme")).toBe("clean");
    await waitFor("the ignore to end", async () => (await driftOf("acme")) === "drifted" || undefined);
    expect((await get(`/drift/ignores?causeId=${causeId}&ended=true`)).items).toMatchObject([
      { endedBy: "expiry", reason: "for a moment" },
    ]);
    expect(await ignoresToldSince(from)).toBe(1);
  });
});

describe("a repair", () => {
  it("of a cause is bound to what was seen, and ends when something else differs", async () => {
    drift("acme", changed({ delaySeconds: 3 }));
    drift("bolt", changed({ delaySeconds: 3 }));
    const [{ causeId }] = await findingsOf(await scan());
    const { findingsDigest } = await get("/drift/repairs/preview", 200, { causeId });
    stackOf("bolt").findings = [changed({ delaySeconds: 4 })];
    const operations = await run(service, "/drift/repairs", { causeId, findingsDigest });
    const outcome = new Map(
      operations.map(({ tenantId, status, error }) => [tenantId, error?.code ?? status]),
    );
    expect(outcome).toEqual(
      new Map([
        [tenants.acme, "succeeded"],
        [tenants.bolt, "findings_changed"],
      ]),
    );
    expect(stackOf("bolt").findings).toHaveLength(1);
    // What it saw is written down, so the old digest is refused at once.
    const again = await post("/drift/repairs", { tenantIds: [tenants.bolt], findingsDigest });
    expect(again).toMatchObject({ status: 409, body: { code: "findings_changed" } });
    const now = await get("/drift/repairs/preview", 200, { tenantIds: [tenants.bolt] });
    const digest = now.findingsDigest;
    const [repaired] = await run(service, "/drift/repairs", {
      tenantIds: [tenants.bolt],
      findingsDigest: digest,
    });
    expect(repaired.status).toBe("succeeded");
    expect([await driftOf("acme"), await driftOf("bolt")]).toEqual(["clean", "clean"]);
  });
});

describe("a repair in a freeze", () => {
  it("waits for windows, unless it is an emergency", async () => {
    drift("acme", changed({ delaySeconds: 21 }));
    await scan();
    const freeze = { effect: "deny", planeName: plane, untilAt: inMs(3_600_000), reason: "year end" };
    const { windowId } = (await post("/windows", freeze)).body;
    const body = { tenantIds: [tenants.acme] };
    const refused = await post("/drift/repairs", body);
    expect(refused).toMatchObject({ status: 409, body: { code: "window_closed" } });
    expect(stackOf("acme").findings).toHaveLength(1);
    const emergency = { reason: "customers wait for their mail" };
    const [repair] = await run(service, "/drift/repairs", { ...body, emergency });
    expect(repair.status).toBe("succeeded");
    const { items } = await get(`/audit/events?tenantId=${tenants.acme}&action=window.bypassed`);
    expect(items).toMatchObject([{ reason: emergency.reason }]);
    expect(await driftOf("acme")).toBe("clean");

    const from = service.world.runs.length;
    await service.restart(["--drift-policy", "dev=correct", "--reconcile-every-ms", "100"]);
    drift("acme", changed({ delaySeconds: 22 }));
    await scan();
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(service.world.runs.slice(from).filter((one) => one.startsWith("repair"))).toEqual([]);
    await service.call("DELETE", `${controlPlane}/windows/${windowId}?reason=over`);
    await waitFor("the repair", async () => (await driftOf("acme")) === "clean" || undefined);
    await service.restart(["--drift-policy", "dev=report"]);
  });
});

describe("a rollout of repairs", () => {
  const both = ["acme", "bolt"] as const;

  async function previewed(delaySeconds: number) {
    service.world.plan = (spec) => [fakeChange(spec, { name: "role", properties: ["tags"] })];
    for (const slug of both) drift(slug, changed({ delaySeconds }));
    const [{ causeId }] = await findingsOf(await scan());
    const { findingsDigest } = await get(`/drift/causes/${causeId}`);
    const change = { kind: "drift_repair", causeId, findingsDigest };
    return rolloutsOf(service).previewed({ change, reason: "put it right", bakeMs: 0 });
  }

  it("repairs a cause in waves, as it was seen", async () => {
    const rollouts = rolloutsOf(service);
    const rollout = await previewed(11);
    await rollouts.start(rollout);
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({ status: "succeeded" });
    expect([await driftOf("acme"), await driftOf("bolt")]).toEqual(["clean", "clean"]);
  });

  it("stops at the first target where something else differs by then", async () => {
    const rollouts = rolloutsOf(service);
    const rollout = await previewed(12);
    for (const slug of both) stackOf(slug).findings = [changed({ delaySeconds: 13 })];
    await rollouts.start(rollout);
    await rollouts.until(rollout.rolloutId, ({ status }) => status === "halted");
    const failed = await rollouts.targets(rollout.rolloutId, "?status=failed");
    expect(failed).toHaveLength(1);
    expect(failed[0].reason).toMatch(/something else/);
    expect(both.map((slug) => stackOf(slug).findings.length)).toEqual([1, 1]);
    expect((await post(`/rollouts/${rollout.rolloutId}/cancel`)).status).toBe(202);
    await rollouts.ended(rollout.rolloutId);
  });
});

describe("the plane's policy", () => {
  const correcting = ["--drift-policy", "dev=correct", "--reconcile-every-ms", "200"];

  it("corrects what was changed, and leaves deletions and replacements to a person, who is told why", async () => {
    await service.restart(correcting);
    const from = service.world.runs.length;
    drift("acme", changed({ delaySeconds: 1 }));
    drift("bolt", { ...changed({}), kind: "deleted" });
    drift("core", changed({ name: "x" }));
    service.world.plan = (spec) =>
      spec.tenant.tenantId === tenants.core
        ? [fakeChange(spec, { name: "role", op: "replace", replaceProperties: ["name"] })]
        : undefined;
    await scan();
    await waitFor("the repair", async () => (await driftOf("acme")) === "clean" || undefined);
    const reasons = await waitFor("both to be told", async () => {
      const { items } = await get("/reconcile?verdict=person");
      const told = items.map(({ slug, reason }: { slug: string; reason: string }) => [slug, reason]);
      return told.length === 2 ? new Map<string, string>(told) : undefined;
    });
    expect(reasons.get("bolt")).toMatch(/needs a person: .*deleted out of band/);
    expect(reasons.get("core")).toMatch(/needs a person: .*would replace 1/);
    const repairs = service.world.runs.slice(from).filter((one) => one.startsWith("repair"));
    expect(repairs.map((one) => one.split("/")[0])).toEqual([`repair tenant-${tenants.acme}`]);
    expect([stackOf("bolt").findings.length, stackOf("core").findings.length]).toEqual([1, 1]);
    await service.restart(["--drift-policy", "dev=report"]);
  });
});

describe("a schedule", () => {
  it("is made, listed and deleted, and asks for scans by itself", async () => {
    const made = await post("/drift/schedules", { cron: "*/5 * * * *", timeZone: "Asia/Kathmandu" });
    expect(made).toMatchObject({ status: 201, body: { nextRunAt: expect.any(String), lastScanId: null } });
    const bad = await post("/drift/schedules", { cron: "* * * * *" });
    expect(bad).toMatchObject({ status: 422, body: { errors: [{ path: "body.cron" }] } });
    const { scheduleId } = made.body;
    await fallDue(scheduleId, 1_000);
    await wakeSchedules();
    const ran = await waitFor("a scan", async () => {
      const { items } = await get("/drift/schedules");
      return items[0].lastScanId === null ? undefined : items[0];
    });
    expect(await scanned(ran.lastScanId)).toMatchObject({ scheduleId, status: "succeeded", targetsTotal: 3 });
    const deleted = await service.call(
      "DELETE",
      `${controlPlane}/drift/schedules/${scheduleId}?reason=done%20with%20it`,
    );
    expect(deleted.status).toBe(200);
    const audited = await get("/audit/events?action=drift.schedule_deleted&limit=1");
    expect(audited.items).toMatchObject([{ reason: "done with it" }]);
    expect((await get("/drift/schedules")).items).toEqual([]);
  });

  it("leaves out and counts a run while its last scan goes on, and makes up once for what fell due unseen", async () => {
    const made = await post("/drift/schedules", { cron: "0 4 2 2 *" });
    const { scheduleId } = made.body;
    const schedule = async () => (await get("/drift/schedules")).items[0];
    const open = closeGate();
    await fallDue(scheduleId, 1_000);
    await wakeSchedules();
    const first = await waitFor("a scan", async () => (await schedule()).lastScanId ?? undefined);
    await fallDue(scheduleId, 1_000);
    await wakeSchedules();
    await waitFor("a run left out", async () => (await schedule()).skippedRuns === 1 || undefined);
    expect(await schedule()).toMatchObject({ lastScanId: first });
    open();
    await scanned(first);

    // Several runs are due when the service is back.
    await fallDue(scheduleId, 4 * 366 * 86_400_000);
    await service.restart();
    const second = await waitFor("the run", async () => {
      const { lastScanId } = await schedule();
      return lastScanId === first ? undefined : lastScanId;
    });
    await scanned(second);
    await wakeSchedules();
    const after = await schedule();
    expect(after).toMatchObject({ lastScanId: second, skippedRuns: 1 });
    expect(Date.parse(after.nextRunAt)).toBeGreaterThan(Date.now());
    await service.call("DELETE", `${controlPlane}/drift/schedules/${scheduleId}?reason=over`);
  });

  async function fallDue(scheduleId: string, agoMs: number): Promise<void> {
    await service.registry().record(async ({ db }) => {
      const due = { nextRunAt: inMs(-agoMs) };
      await db.updateTable("driftSchedules").set(due).where("scheduleId", "=", scheduleId).execute();
    });
  }

  /** Whatever is written about schedules has the due ones looked at. */
  async function wakeSchedules(): Promise<void> {
    const other = await post("/drift/schedules", { cron: "0 3 1 1 *" });
    await service.call("DELETE", `${controlPlane}/drift/schedules/${other.body.scheduleId}`);
  }
});

it("health, version and drift are told apart in the metrics", async () => {
  drift("acme", changed({ delaySeconds: 2 }));
  await scan();
  const { body } = await service.call("GET", "/metrics");
  const place = 'environment="dev",region="eu-west-1"';
  expect(body).toContain(`tenantry_targets_by_drift{${place},drift="drifted"} 1`);
  expect(body).toContain(`tenantry_targets_by_drift{${place},drift="clean"} 2`);
  expect(body).toContain(`tenantry_targets_by_version{${place},version="current"} 3`);
  expect(body).toContain(`tenantry_targets_by_health{${place},health="healthy"} 3`);
  expect(body).toContain("tenantry_drift_causes_open 1");
  expect(body).toMatch(/tenantry_drift_scan_duration_seconds_count\{status="succeeded"\} \d+/);
});

type Slug = keyof typeof tenants;

function changed(properties: Record<string, unknown>, logicalName = "work"): DriftFinding {
  return {
    urn: `urn:pulumi:s::p::${QUEUE}::${logicalName}`,
    ...{ resourceType: QUEUE, logicalName, physicalId: `https://sqs/${logicalName}`, kind: "changed" },
    properties: Object.entries(properties).map(([path, actual]) => ({ path, recorded: 0, actual })),
  };
}

function drift(slug: Slug, ...findings: DriftFinding[]): void {
  stackOf(slug).findings = findings;
}

/** Runs wait until it is opened again. */
function closeGate(): () => void {
  let open = () => {};
  service.world.gate = new Promise((resolve) => {
    open = resolve;
  });
  return () => {
    service.world.gate = undefined;
    open();
  };
}

function keyOfTenant(slug: Slug): string {
  return `tenant-${tenants[slug]}/${plane}-1`;
}

function stackOf(slug: Slug): FakeStack {
  const stack = service.world.stacks.get(keyOfTenant(slug));
  if (stack === undefined) throw new Error(`there is no stack of ${slug}`);
  return stack;
}

function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}

function post(path: string, body: object = {}) {
  return service.call("POST", `${controlPlane}${path}`, { body });
}

/** With a body it is a question that is posted. */
// biome-ignore lint/suspicious/noExplicitAny: answers are held against the contract by the service itself
async function get(path: string, status = 200, body?: object): Promise<any> {
  const method = body === undefined ? "GET" : "POST";
  const answer = await service.call(method, `${controlPlane}${path}`, body === undefined ? {} : { body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(status);
  return answer.body;
}

// biome-ignore lint/suspicious/noExplicitAny: see get
async function scan(body: object = {}): Promise<any> {
  const asked = await post("/drift/scans", body);
  expect(asked.status, JSON.stringify(asked.body)).toBe(202);
  return scanned(asked.body.scanId);
}

// biome-ignore lint/suspicious/noExplicitAny: see get
function scanned(scanId: string): Promise<any> {
  return waitFor(`scan ${scanId}`, async () => {
    const found = await get(`/drift/scans/${scanId}`);
    return found.finishedAt === null ? undefined : found;
  });
}

// biome-ignore lint/suspicious/noExplicitAny: see get
async function findingsOf({ scanId }: { scanId: string }): Promise<any[]> {
  const { items } = await get(`/drift/scans/${scanId}/findings`);
  return items.sort((left: { slug: string }, right: { slug: string }) => left.slug.localeCompare(right.slug));
}

async function driftOf(slug: Slug): Promise<string> {
  const { items } = await get("/health/tenants");
  return items.find((item: { tenantId: string }) => item.tenantId === tenants[slug]).drift;
}

async function ignoresToldSince(from: number): Promise<number> {
  return (await events()).slice(from).filter((type) => type === "drift.ignore_ended").length;
}

async function events(): Promise<string[]> {
  const rows = await service.registry().read((db) => db.selectFrom("outbox").select("type").execute());
  return rows.map(({ type }) => type);
}
