import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { EngineError } from "../../service/engine/errors.ts";
import { controlPlane, createRelease, startTestService, type TestService, waitFor } from "./harness.ts";
import { activeTenants, type RolloutClient, rolloutsOf } from "./rollouts.ts";

/** Everything a person may ask of a rollout, and everything that is refused. */
let service: TestService;
let rollouts: RolloutClient;
let tenants: string[];
let version = 1;

beforeAll(async () => {
  service = await startTestService(["--gate-poll-ms", "50", "--breaker-failures", "0"]);
  rollouts = rolloutsOf(service);
  await createRelease(service, "1.0.0");
  tenants = await activeTenants(service, ["ctl-a", "ctl-b", "ctl-c", "ctl-d"]);
});
afterEach(() => {
  service.world.gate = undefined;
  service.world.previewGate = undefined;
  service.world.plan = undefined;
});
afterAll(() => service.stop());

const stackOf = (tenantId: string | undefined) => {
  const stack = [...service.world.stacks.values()].find(({ spec }) => spec.tenant.tenantId === tenantId);
  if (stack === undefined) throw new Error(`no stack of ${tenantId}`);
  return stack;
};
const releaseOf = (tenantId: string | undefined) => stackOf(tenantId).spec.release.number;
const problem = (status: number, code: string) => ({ status, body: { code } });
const oneByOne = { waves: [], maxConcurrency: 1 };

async function newRelease() {
  version += 1;
  const releaseNumber = await createRelease(service, `${version}.0.0`);
  return { releaseNumber, change: { kind: "release", releaseNumber } };
}

function closeGate(): () => void {
  let open: () => void = () => undefined;
  service.world.gate = new Promise((resolve) => {
    open = resolve;
  });
  return () => {
    service.world.gate = undefined;
    open();
  };
}

describe("starting", () => {
  it("needs the digest of the last preview, and every target as it was previewed", async () => {
    const { change } = await newRelease();
    const rollout = await rollouts.previewed({ change });
    const at = `/rollouts/${rollout.rolloutId}`;
    expect(await rollouts.post(`${at}/start`, { previewDigest: "other" })).toMatchObject(
      problem(409, "preview_outdated"),
    );
    const [tenantId = ""] = tenants;
    const labels = { config: { settings: { LOG_LEVEL: "debug" } } };
    await service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body: labels });
    const outdated = await rollouts.post(`${at}/start`, { previewDigest: rollout.previewDigest });
    expect(outdated).toMatchObject(problem(409, "preview_outdated"));
    expect(outdated.body.errors).toHaveLength(1);
    expect(outdated.body.errors[0].message).toContain(`tenant ${tenantId}`);
    expect(outdated.body.errors[0].message).toContain("the tenant's record was changed at");
    expect(await rollouts.post(`${at}/pause`)).toMatchObject(problem(409, "rollout_status"));

    expect(await rollouts.post(`${at}/preview`)).toMatchObject({ status: 202 });
    const again = await rollouts.until(rollout.rolloutId, ({ status }) => status === "previewed");
    expect(again.previewDigest).not.toBe(rollout.previewDigest);
    const { items } = await rollouts.get(`${at}/preview`);
    expect(items.map(({ tenantCount }: { tenantCount: number }) => tenantCount)).toEqual([3, 1]);
    await rollouts.start(again);
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({ status: "succeeded" });
    expect(await rollouts.post(`${at}/pause`)).toMatchObject(problem(409, "rollout_finished"));
  });

  it("needs what could not be previewed to be skipped or previewed again", async () => {
    const { change } = await newRelease();
    service.world.previewFailures.push(new EngineError("provider_denied", "Cannot preview: not allowed"));
    const rollout = await rollouts.previewed({ change });
    const at = `/rollouts/${rollout.rolloutId}`;
    expect(await rollouts.get(`${at}/preview`)).toMatchObject({ progress: { previewed: 4, failed: 1 } });
    const failed = (await rollouts.targets(rollout.rolloutId)).filter(
      ({ previewError }) => previewError !== null,
    );
    expect(failed).toMatchObject([{ previewError: "Cannot preview: not allowed", status: "pending" }]);
    const refused = await rollouts.post(`${at}/start`, { previewDigest: rollout.previewDigest });
    expect(refused).toMatchObject(problem(409, "preview_outdated"));
    expect(refused.body.errors[0].message).toContain("could not be previewed");
    const skip = { targetIds: [failed[0].targetId], reason: "looked at later" };
    expect(await rollouts.post(`${at}/skip`, skip)).toMatchObject({ status: 202 });
    await rollouts.start(rollout);
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({ counts: { succeeded: 3, skipped: 1 } });
  });

  it("is refused or queued while another has the plane", async () => {
    const { change } = await newRelease();
    const first = await rollouts.previewed({ change, ...oneByOne });
    const second = await rollouts.previewed({ change, ...oneByOne });
    const third = await rollouts.previewed({ change, ...oneByOne, whenBusy: "queue" });
    const open = closeGate();
    await rollouts.start(first);
    const at = `/rollouts/${second.rolloutId}/start`;
    expect(await rollouts.post(at, { previewDigest: second.previewDigest })).toMatchObject({
      ...problem(409, "rollout_in_progress"),
      body: { rolloutId: first.rolloutId },
    });
    expect(await rollouts.start(third)).toMatchObject({ status: "queued" });
    await rollouts.post(`/rollouts/${second.rolloutId}/cancel`);
    expect(await rollouts.ended(second.rolloutId)).toMatchObject({
      status: "cancelled",
      counts: { skipped: 4 },
    });
    open();
    expect(await rollouts.ended(first.rolloutId)).toMatchObject({ status: "succeeded" });
    expect(await rollouts.ended(third.rolloutId)).toMatchObject({
      status: "succeeded",
      counts: { unchanged: 4 },
    });
  });
});

describe("an operation of a rollout", () => {
  it("refuses another plan than the previewed one, and applies nothing", async () => {
    const { change, releaseNumber } = await newRelease();
    const rollout = await rollouts.previewed({ change, ...oneByOne });
    service.world.plan = (spec) => [
      {
        urn: `urn:pulumi:s::p::aws:s3/bucket:Bucket::data-${spec.tenant.tenantId}`,
        ...{ op: "delete", resourceType: "aws:s3/bucket:Bucket", logicalName: "data" },
        ...{ properties: [], replaceProperties: [] },
      },
    ];
    await rollouts.start(rollout);
    const halted = await rollouts.until(rollout.rolloutId, ({ status }) => status === "halted");
    expect(halted).toMatchObject({ counts: { failed: 1, pending: 3 } });
    expect(halted.statusReason).toContain("now it would delete aws:s3/bucket:Bucket data");
    for (const tenantId of tenants) expect(releaseOf(tenantId)).toBeLessThan(releaseNumber);
    const [failed] = await rollouts.targets(rollout.rolloutId, "?status=failed");
    const operation = await rollouts.get(`/operations/${failed.operationId}`);
    expect(operation).toMatchObject({
      status: "failed",
      compensation: null,
      error: { code: "plan_changed" },
    });
    const at = `/rollouts/${rollout.rolloutId}`;
    expect(await rollouts.post(`${at}/retry`)).toMatchObject({ status: 202 });
    const twice = await rollouts.until(rollout.rolloutId, ({ status }) => status === "halted");
    expect(twice).toMatchObject({ counts: { failed: 1, pending: 3 } });
    expect(await rollouts.post(`${at}/preview`, { reason: "the plan is meant" })).toMatchObject({
      ...{ status: 202, body: { status: "previewing", counts: { failed: 0, pending: 4 } } },
    });
    const again = await rollouts.until(rollout.rolloutId, ({ status }) => status === "previewed");
    const other = await rollouts.previewed({ change, ...oneByOne });
    const start = { previewDigest: other.previewDigest };
    expect(await rollouts.post(`/rollouts/${other.rolloutId}/start`, start)).toMatchObject(
      problem(409, "rollout_in_progress"),
    );
    await rollouts.post(`/rollouts/${other.rolloutId}/cancel`);
    await rollouts.start(again);
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({
      status: "succeeded",
      counts: { succeeded: 4 },
    });
  });
});

describe("under way", () => {
  it("pauses and resumes without losing anything, over a restart", async () => {
    const { change, releaseNumber } = await newRelease();
    const rollout = await rollouts.previewed({ change, ...oneByOne });
    const open = closeGate();
    const runs = service.world.runs.length;
    await rollouts.start(rollout);
    await waitFor("the first run", async () => service.world.runs[runs]);
    await rollouts.post(`/rollouts/${rollout.rolloutId}/pause`, { reason: "lunch" });
    open();
    const paused = await rollouts.until(rollout.rolloutId, ({ counts }) => counts.running === 0);
    expect(paused).toMatchObject({ status: "paused", statusReason: "lunch", counts: { pending: 3 } });
    await service.restart();
    expect(await rollouts.get(`/rollouts/${rollout.rolloutId}`)).toMatchObject({ status: "paused" });
    await rollouts.post(`/rollouts/${rollout.rolloutId}/resume`);
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({
      status: "succeeded",
      counts: { succeeded: 4 },
    });
    for (const tenantId of tenants) expect(releaseOf(tenantId)).toBe(releaseNumber);
  });

  it("ends what runs and begins nothing more when it is cancelled", async () => {
    const { change } = await newRelease();
    const rollout = await rollouts.previewed({ change, ...oneByOne });
    const open = closeGate();
    const runs = service.world.runs.length;
    await rollouts.start(rollout);
    await waitFor("the first run", async () => service.world.runs[runs]);
    await rollouts.post(`/rollouts/${rollout.rolloutId}/cancel`, { reason: "wrong one" });
    open();
    const done = await rollouts.ended(rollout.rolloutId);
    expect(done).toMatchObject({ status: "cancelled", statusReason: "wrong one" });
    expect(done.counts).toMatchObject({ succeeded: 1, skipped: 3 });
  });

  it("waits for approval, halts past its tolerance, retries only the failed, and is retargeted", async () => {
    const { change } = await newRelease();
    const rollout = await rollouts.previewed({
      change,
      waves: [{ count: 2, maxConcurrency: 2 }],
      approval: true,
    });
    const at = `/rollouts/${rollout.rolloutId}`;
    await rollouts.start(rollout);
    const waiting = await rollouts.until(
      rollout.rolloutId,
      ({ waves }) => waves[0].status === "awaiting_approval",
    );
    expect(waiting.counts).toMatchObject({ pending: 4 });
    service.world.failures.push(new EngineError("provider_failed", "Cannot update: bad image"));
    await rollouts.post(`${at}/approve`, { wave: 1 });
    const halted = await rollouts.until(rollout.rolloutId, ({ status }) => status === "halted");
    expect(halted.statusReason).toContain("Cannot update: bad image");
    await rollouts.until(rollout.rolloutId, ({ counts }) => counts.running === 0);
    await rollouts.post(`${at}/retry`);
    await rollouts.until(rollout.rolloutId, ({ waves }) => waves[1].status === "awaiting_approval");
    const attempts = (await rollouts.targets(rollout.rolloutId, "?wave=1")).map(({ attempt }) => attempt);
    expect(attempts.sort()).toEqual([1, 2]);
    const { releaseNumber } = await newRelease();
    await rollouts.post(`${at}/retarget`, { releaseNumber });
    const again = await rollouts.until(rollout.rolloutId, ({ status }) => status === "previewed");
    await rollouts.start(again);
    await rollouts.post(`${at}/approve`, { wave: 2 });
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({
      status: "succeeded",
      counts: { succeeded: 4 },
    });
    expect(tenants.filter((tenantId) => releaseOf(tenantId) === releaseNumber)).toHaveLength(2);
  });

  it("fails a target that is unwell while it bakes", async () => {
    const { change } = await newRelease();
    const rollout = await rollouts.previewed({ change, waves: [{ count: 1, bakeMs: 60_000 }] });
    await rollouts.start(rollout);
    await rollouts.until(rollout.rolloutId, ({ counts }) => counts.baking === 1);
    const [baking] = await rollouts.targets(rollout.rolloutId, "?status=baking");
    stackOf(baking.tenantId).healthy = false;
    const halted = await rollouts.until(rollout.rolloutId, ({ status }) => status === "halted");
    expect(halted.statusReason).toContain("tasks stop at once");
    stackOf(baking.tenantId).healthy = true;
    await rollouts.post(`/rollouts/${rollout.rolloutId}/rollback`, { scope: { kind: "all" } });
    const done = await rollouts.ended(rollout.rolloutId);
    expect(done).toMatchObject({ status: "rolled_back", counts: { rolled_back: 1, skipped: 3 } });
    expect(releaseOf(baking.tenantId)).toBe(baking.before.releaseNumber);
    const { items } = await rollouts.get(`/pins?tenantId=${baking.tenantId}`);
    for (const { pinId } of items) await rollouts.post(`/pins/${pinId}/release`, { reason: "looked at" });
  });

  it("says that it is stuck", async () => {
    const { change } = await newRelease();
    const rollout = await rollouts.previewed({ change, ...oneByOne, stuckAfterMs: 1_000 });
    const open = closeGate();
    await rollouts.start(rollout);
    const stuck = await rollouts.until(rollout.rolloutId, ({ stuckSince }) => stuckSince !== null);
    expect(stuck.stuckReason).toContain("1 of its targets have not moved for 1 s");
    await toldStuck(rollout.rolloutId, stuck.stuckReason);
    open();
    expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({ status: "succeeded", stuckSince: null });
  });

  it("says that its preview is stuck, until it is done", async () => {
    const { change } = await newRelease();
    let open = () => {};
    service.world.previewGate = new Promise((resolve) => {
      open = resolve;
    });
    const made = await rollouts.post("/rollouts", { change, ...oneByOne, stuckAfterMs: 1_000 });
    const { rolloutId } = made.body;
    const stuck = await rollouts.until(rolloutId, ({ stuckSince }) => stuckSince !== null);
    expect(stuck).toMatchObject({ status: "previewing", stuckReason: "nothing was previewed for 1 s" });
    await toldStuck(rolloutId, stuck.stuckReason);
    service.world.previewGate = undefined;
    open();
    await rollouts.until(
      rolloutId,
      ({ status, stuckSince }) => status === "previewed" && stuckSince === null,
    );
    await metric("tenantry_rollouts_stuck 0");
    await rollouts.post(`/rollouts/${rolloutId}/cancel`);
    await rollouts.ended(rolloutId);
  });
});

/** In the metrics, in the log and as an event, besides in the rollout itself. */
async function toldStuck(rolloutId: string, reason: string): Promise<void> {
  await metric("tenantry_rollouts_stuck 1");
  const lines = readFileSync(path.join(service.dataDir, "service.log"), "utf8").trim().split("\n");
  const told = lines
    .map((line) => JSON.parse(line))
    .filter(({ msg, ...line }) => msg === "a rollout is stuck" && line.rolloutId === rolloutId);
  expect(told).toMatchObject([{ level: 40, reason }]);
  const { items } = await rollouts.get(`/audit/events?action=rollout.stuck&targetId=${rolloutId}`);
  expect(items).toMatchObject([{ outcome: "failed", details: { stuckReason: reason } }]);
}

async function metric(line: string): Promise<void> {
  await waitFor(line, async () => {
    const { body } = await service.call("GET", "/metrics");
    return String(body).includes(line) || undefined;
  });
}
