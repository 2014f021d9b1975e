import { afterAll, beforeAll, expect, it } from "vitest";
import { catalogText } from "../support/plans.ts";
import { controlPlane, createRelease, plane, run, startTestService, type TestService } from "./harness.ts";
import { activeTenants, type RolloutClient, rolloutsOf } from "./rollouts.ts";

/** New versions of plans reach tenants in waves, and are taken back to exactly what each was bound to. */
let service: TestService;
let rollouts: RolloutClient;
let [first, second, ahead] = ["", "", ""];

const [starterText = ""] = catalogText.split("\n---\n");
const IAM = "iam-service: { cpu: 256, memoryMiB: 512";
const sized = (memoryMiB: number) =>
  starterText.replace(IAM, `iam-service: { cpu: 256, memoryMiB: ${memoryMiB}`);
const withExport = sized(1_024).replace("audit-export: { enabled: false", "audit-export: { enabled: true");

async function apply(raw: string): Promise<number> {
  const headers = { "content-type": "application/yaml" };
  const { body } = await service.call("POST", `${controlPlane}/plans/apply`, { raw, headers });
  return body.plans[0].version;
}

const binding = async (tenantId: string) => {
  const { plan, planVersion } = await rollouts.get(`/tenants/${tenantId}`);
  return `${plan} ${planVersion}`;
};
const specOf = (tenantId: string) =>
  [...service.world.stacks.values()].find(({ spec }) => spec.tenant.tenantId === tenantId)?.spec;
const iamMemory = (tenantId: string) => specOf(tenantId)?.plan.services["iam-service"].memoryMiB;
const mayExport = async (tenantId: string) => {
  const { version, entitlements } = await rollouts.get(`/tenants/${tenantId}/entitlements/bundle`);
  return [version, entitlements["audit-export"].enabled];
};

beforeAll(async () => {
  service = await startTestService(["--gate-poll-ms", "50"]);
  rollouts = rolloutsOf(service);
  await createRelease(service, "1.0.0");
  [first = "", second = "", ahead = ""] = await activeTenants(service, ["plan-a", "plan-b", "plan-c"]);
});
afterAll(() => service.stop());

it("a new version changes nothing that runs, not even with the next deployment", async () => {
  const before = specOf(first);
  expect(await apply(withExport)).toBe(2);
  const [operation] = await run(service, `/tenants/${first}/deploy`);
  expect(operation).toMatchObject({ status: "succeeded" });
  expect(specOf(first)).toEqual(before);
  expect([await binding(first), await mayExport(first)]).toEqual(["starter 1", [1, false]]);
});

it("binding one tenant brings it the version's sizes and entitlements, the others keep theirs", async () => {
  await service.call("PATCH", `${controlPlane}/tenants/${ahead}`, { body: { planVersion: 2 } });
  expect(await mayExport(ahead)).toEqual([2, true]);
  await run(service, `/tenants/${ahead}/deploy`);
  expect([iamMemory(ahead), iamMemory(first)]).toEqual([1_024, 512]);
});

it("a rollout brings the version that was the newest when it was made, and is taken back exactly", async () => {
  const rollout = await rollouts.previewed({
    ...{ change: { kind: "plan", plan: "starter" }, waves: [], maxConcurrency: 3 },
  });
  expect(rollout.change).toEqual({ kind: "plan", plan: "starter", planVersion: 2 });
  expect(await apply(sized(2_048))).toBe(3);
  await rollouts.start(rollout);
  expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({
    ...{ status: "succeeded", counts: { succeeded: 2, unchanged: 1 } },
  });
  for (const tenantId of [first, second, ahead]) {
    expect([await binding(tenantId), iamMemory(tenantId)]).toEqual(["starter 2", 1_024]);
    expect(await mayExport(tenantId)).toEqual([2, true]);
  }

  await rollouts.post(`/rollouts/${rollout.rolloutId}/rollback`, {
    scope: { kind: "all" },
    reason: "too dear",
  });
  expect(await rollouts.ended(rollout.rolloutId)).toMatchObject({ status: "rolled_back" });
  for (const tenantId of [first, second]) {
    expect([await binding(tenantId), iamMemory(tenantId)]).toEqual(["starter 1", 512]);
    expect(await mayExport(tenantId)).toEqual([3, false]);
  }
  // It had version 2 before the rollout, which is what it goes back to.
  expect([await binding(ahead), iamMemory(ahead)]).toEqual(["starter 2", 1_024]);
});

it("a rollout to a version that is not there is refused", async () => {
  const change = { kind: "plan", plan: "starter", planVersion: 99 };
  const { status, body } = await rollouts.post("/rollouts", { change, waves: [], maxConcurrency: 1 });
  expect([status, body.code]).toEqual([422, "unknown_plan"]);
});

it("a manifest names a version, or leaves the tenant at the one it has", async () => {
  const manifest = (more: string) => `apiVersion: tenantry.dev/v1
kind: Tenant
metadata: { slug: declared }
spec: { displayName: Declared, plan: starter, state: draft, planes: [${plane}]${more} }`;
  const send = async (text: string, dryRun = false) => {
    const headers = { "content-type": "application/yaml" };
    const at = `${controlPlane}/manifests/apply?dryRun=${dryRun}`;
    return (await service.call("POST", at, { raw: text, headers })).body;
  };
  const [{ tenantId }] = (await send(manifest(", planVersion: 1"))).tenants;
  expect(await binding(tenantId)).toBe("starter 1");
  const exported = (await service.call("GET", `${controlPlane}/manifests/tenants/declared`)).body;
  expect(exported).toContain("planVersion: 1");
  expect((await send(exported)).tenants[0].result).toBe("none");

  expect((await send(manifest(""))).tenants[0].changes).toEqual([]);
  expect(await binding(tenantId)).toBe("starter 1");
  expect((await send(manifest(", planVersion: 3"), true)).tenants[0].changes).toEqual([
    { path: "spec.planVersion", from: 1, to: 3 },
  ]);
  await send(manifest(", planVersion: 3"));
  expect(await binding(tenantId)).toBe("starter 3");
  expect((await send(manifest(", planVersion: 9"))).errors[0]).toMatchObject({
    ...{ path: "spec.planVersion", line: 4, message: expect.stringContaining("1 to 3") },
  });
});
