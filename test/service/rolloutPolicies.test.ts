import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DEFAULT_POLICIES } from "../../service/policy/keeper.ts";
import { createRelease, startTestService, type TestService, waitFor } from "./harness.ts";
import { activeTenants, type RolloutClient, rolloutsOf } from "./rollouts.ts";

/** Rollouts of what policies forbid for some of the tenants. */
const folder = mkdtempSync(path.join(tmpdir(), "tenantry-policies-"));
cpSync(DEFAULT_POLICIES, folder, { recursive: true });
const own = path.join(folder, "own.cedar");

let service: TestService;
let rollouts: RolloutClient;
let [large, small, gold] = ["", "", ""];

beforeAll(async () => {
  service = await startTestService(["--policies", folder, "--policies-poll-ms", "50"]);
  rollouts = rolloutsOf(service);
  await createRelease(service, "1.0.0");
  await createRelease(service, "1.1.0");
  [large = ""] = await activeTenants(service, ["large"], { plan: "enterprise", isolation: "hybrid" });
  [small = ""] = await activeTenants(service, ["small"], { plan: "business" });
  [gold = ""] = await activeTenants(service, ["gold"], { labels: { tier: "gold" } });
});
afterAll(async () => {
  await service.stop();
  rmSync(folder, { recursive: true });
});

const tenant = (tenantId: string) => rollouts.get(`/tenants/${tenantId}`);
const denials = async (tenantId: string, rolloutId: string) => {
  const { items } = await rollouts.get(`/audit/events?tenantId=${tenantId}&action=access.denied`);
  return items.filter((event: { details: { rolloutId?: string } }) => event.details.rolloutId === rolloutId);
};
/** Evaluations that came to no answer. */
async function policyErrors(): Promise<number> {
  const { body: text } = await service.call("GET", "/metrics");
  const count = /^tenantry_policy_evaluation_duration_seconds_count\{outcome="error"\} (\d+)$/m.exec(text);
  return Number(count?.[1] ?? 0);
}
async function writePolicy(text: string): Promise<void> {
  const { version } = await rollouts.get("/policy");
  writeFileSync(own, text);
  await waitFor("the new policy", async () => {
    const now = await rollouts.get("/policy");
    return now.version !== version && now.problem === null ? now : undefined;
  });
}

const toStarter = { change: { kind: "plan", plan: "starter" }, waves: [], maxConcurrency: 3 };

it("a smaller plan without a reason reaches none of those who would lose by it", async () => {
  const rollout = await rollouts.previewed({ ...toStarter, scope: { tenantIds: [small, gold] } });
  const reason =
    "a policy forbids it: The plan would give the tenant less than it has now, and nobody has said why. (downgrade-reason)";
  expect(await rollouts.get(`/rollouts/${rollout.rolloutId}/preview`)).toMatchObject({
    ...{ items: [{ targetCount: 1, targets: [{ tenantId: gold }] }] },
    leftOut: [{ status: "skipped", reason, targetCount: 1, tenantCount: 1 }],
  });
  await rollouts.start(rollout);
  expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({
    ...{ status: "succeeded", counts: { skipped: 1, unchanged: 1 } },
  });
  const [skipped] = await rollouts.targets(rollout.rolloutId, "?status=skipped");
  expect(skipped).toMatchObject({ tenantId: small, reason, operationId: null, attempt: 0 });
  expect(await tenant(small)).toMatchObject({ plan: "business" });
  expect(await denials(small, rollout.rolloutId)).toMatchObject([
    {
      ...{ outcome: "denied", correlationId: rollout.correlationId },
      details: {
        ...{ action: "tenantReconfigure", code: "policy_denied", askedBy: rollout.createdBy },
        reasons: [{ policyId: "downgrade-reason" }],
        authorization: { policies: ["downgrade-reason"], role: "fleet_admin" },
      },
    },
  ]);
});

it("policies that are written after the preview hold when it is a target's turn", async () => {
  const rollout = await rollouts.previewed({
    ...{ change: { kind: "release", releaseNumber: 1 }, scope: { tenantIds: [small, gold] }, waves: [] },
    maxConcurrency: 2,
  });
  expect((await rollouts.get(`/rollouts/${rollout.rolloutId}/preview`)).leftOut).toEqual([]);
  await writePolicy(
    `@id("gold-rests") @reason("Gold tenants keep their release.")
     forbid (principal, action == Tenantry::Action::"tenantDeploy", resource is Tenantry::Tenant)
     when { resource.hasTag("tier") && resource.getTag("tier") == "gold" && context has release && context.release == 1 };`,
  );
  await rollouts.start(rollout);
  expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({
    ...{ status: "succeeded", counts: { skipped: 1, succeeded: 1 } },
  });
  const [skipped] = await rollouts.targets(rollout.rolloutId, "?status=skipped");
  expect(skipped).toMatchObject({
    ...{ tenantId: gold, operationId: null },
    reason: "a policy forbids it: Gold tenants keep their release. (gold-rests)",
  });
  const targetsOf = async (tenantId: string) => (await rollouts.get(`/tenants/${tenantId}/targets`)).items;
  expect(await targetsOf(small)).toMatchObject([{ currentReleaseNumber: 1 }]);
  expect(await targetsOf(gold)).toMatchObject([{ currentReleaseNumber: 2 }]);
  expect(await denials(gold, rollout.rolloutId)).toHaveLength(1);
});

it("who was left out by the preview is taken in again when it is previewed again and nothing forbids it", async () => {
  const body = {
    change: { kind: "release", releaseNumber: 1 },
    scope: { tenantIds: [small, gold] },
    waves: [],
  };
  const { rolloutId } = await rollouts.previewed({ ...body, maxConcurrency: 2 });
  const leftOut = async () => {
    const { leftOut, progress } = await rollouts.get(`/rollouts/${rolloutId}/preview`);
    return { leftOut, failed: progress.failed };
  };
  expect(await leftOut()).toMatchObject({ leftOut: [{ status: "skipped", targetCount: 1 }], failed: 0 });
  await writePolicy(mended);
  await rollouts.post(`/rollouts/${rolloutId}/preview`);
  const again = await rollouts.until(rolloutId, ({ status }) => status === "previewed");
  expect(await leftOut()).toEqual({ leftOut: [], failed: 0 });
  expect(again.counts).toMatchObject({ pending: 2 });
  await rollouts.post(`/rollouts/${rolloutId}/cancel`, { reason: "seen" });
});

const broken = `@id("broken") @reason("Never evaluated.")
  forbid (principal, action == Tenantry::Action::"tenantReconfigure", resource is Tenantry::Tenant)
  when { 9223372036854775807 + context.time.hour + 1 > 0 };`;
const mended = "// Nothing of our own.\n";
const field = { kind: "field", field: "settings.LOG_LEVEL" };

it("what cannot be evaluated is in the way of the start, and previewed again when it can", async () => {
  await writePolicy(broken);
  const change = { ...field, value: "debug" };
  const rollout = await rollouts.previewed({ change, scope: { tenantIds: [small] }, waves: [] });
  const [failed] = await rollouts.targets(rollout.rolloutId);
  expect(failed.status).toBe("pending");
  expect(failed.previewError).toMatch(/^the policies could not be evaluated: .*overflow/);
  const { previewDigest, rolloutId } = rollout;
  expect(await rollouts.post(`/rollouts/${rolloutId}/start`, { previewDigest })).toMatchObject({
    status: 409,
    body: { code: "preview_outdated" },
  });
  await writePolicy(mended);
  await rollouts.post(`/rollouts/${rolloutId}/preview`);
  await rollouts.start(await rollouts.until(rolloutId, ({ status }) => status === "previewed"));
  expect(await rollouts.ended(rolloutId)).toMatchObject({ status: "succeeded", counts: { succeeded: 1 } });
});

it("nothing begins while they cannot be evaluated; it is told once, takes nothing back, and goes on by itself", async () => {
  const change = { ...field, value: "warn" };
  const made = { change, scope: { tenantIds: [small] }, waves: [], onExceeded: "rollback" };
  const rollout = await rollouts.previewed(made);
  await writePolicy(broken);
  await rollouts.start(rollout);
  const waiting = await waitFor("the target to say why it waits", async () => {
    const [target] = await rollouts.targets(rollout.rolloutId);
    return target.reason === null ? undefined : target;
  });
  expect(waiting).toMatchObject({ status: "pending", attempt: 0 });
  expect(waiting.reason).toMatch(/^the policies could not be evaluated: .*overflow/);
  const errors = await policyErrors();
  await rollouts.post(`/rollouts/${rollout.rolloutId}/pause`);
  await rollouts.post(`/rollouts/${rollout.rolloutId}/resume`);
  await waitFor("a second look", async () => ((await policyErrors()) > errors ? true : undefined));
  expect(await denials(small, rollout.rolloutId)).toMatchObject([{ details: { code: "policy_error" } }]);
  await writePolicy(mended);
  expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({
    ...{ status: "succeeded", counts: { succeeded: 1 } },
  });
});

it("with a reason it reaches those who fit into the plan, and leaves out who has more than that", async () => {
  const reason = "the contract was renewed for less";
  const rollout = await rollouts.run({ ...toStarter, scope: { tenantIds: [large, small] }, reason });
  const targets = await rollouts.targets(rollout.rolloutId);
  const targetOf = (tenantId: string) => targets.find((one) => one.tenantId === tenantId);
  expect(targetOf(large)).toMatchObject({
    ...{ status: "skipped", operationId: null },
    reason: expect.stringContaining(
      "The tenant uses more than the smaller plan would give. (downgrade-fits)",
    ),
  });
  expect(targetOf(small)).toMatchObject({ status: "succeeded" });
  expect(await tenant(large)).toMatchObject({ plan: "enterprise" });
  expect(await tenant(small)).toMatchObject({ plan: "starter" });
});
