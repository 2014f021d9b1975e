import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Change } from "../../registry/registry.ts";
import { EngineError } from "../../service/engine/errors.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  plane,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";
import { rolloutsOf } from "./rollouts.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService(["--reconcile-backoff-ms", "20", "--reconcile-every-ms", "100"]);
  await createRelease(service, "1.0.0");
  await waitFor("the plane", async () => {
    const { status } = await service.call("GET", `${controlPlane}/planes/${plane}`);
    return status === 200 ? true : undefined;
  });
});
afterAll(() => service.stop());
beforeEach(() => {
  service.world.failures = [];
  service.world.gate = undefined;
});

function manifest(slug: string, state: string, more = ""): string {
  return `apiVersion: tenantry.dev/v1
kind: Tenant
metadata: { slug: ${slug} }
spec:
  displayName: ${slug}
  plan: starter
  state: ${state}
  planes: [${plane}]
${more}`;
}

const get = async (at: string) => (await service.call("GET", `${controlPlane}${at}`)).body;
async function apply(...documents: string[]) {
  const answer = await service.call("POST", `${controlPlane}/manifests/apply`, { body: { documents } });
  expect(answer).toMatchObject({ status: 200 });
  return answer.body.tenants[0].tenantId as string;
}
const operationsOf = async (tenantId: string) =>
  (await get(`/operations?tenantId=${tenantId}&limit=100`)).items;
const targetOf = async (tenantId: string) => (await get(`/tenants/${tenantId}/targets`)).items[0];
type Noted = { readonly verdict: string; readonly desired: string };
const foundOf = async (tenantId: string) => (await get(`/reconcile?tenantId=${tenantId}`)).items;

/** In the status, all operations ended, and nothing noted that is not as declared. */
function settled(tenantId: string, status: string) {
  return waitFor(`${tenantId} to be ${status} and settled`, async () => {
    const tenant = await get(`/tenants/${tenantId}`);
    if (tenant.status !== status || tenant.requestedStatus !== status) return undefined;
    const open = (await operationsOf(tenantId)).filter(
      (one: { finishedAt: unknown }) => one.finishedAt === null,
    );
    return open.length === 0 && (await foundOf(tenantId)).length === 0 ? tenant : undefined;
  });
}

async function edit(work: (change: Change) => Promise<unknown>): Promise<void> {
  const actor = { kind: "user", id: "intruder", name: "intruder" } as const;
  await service.registry().change({ actor, requestId: "r", correlationId: "r" }, async (change) => {
    await work(change);
    await change.audit({ action: "test.edited", target: { type: "registry", id: "x" }, details: {} });
  });
}

const failure = () => new EngineError("provider_denied", "Cannot: the cloud says no");

describe("the reconcile loop", () => {
  it("walks the whole way to each declared state, and asks for nothing when it is there", async () => {
    const tenantId = await apply(manifest("walker", "active"));
    await settled(tenantId, "active");
    for (const state of ["suspended", "archived", "active"]) {
      await apply(manifest("walker", state));
      await settled(tenantId, state);
    }
    await apply(manifest("walker", "archived"));
    await settled(tenantId, "archived");
    const operations = await operationsOf(tenantId);
    expect(operations.map((one: { kind: string }) => one.kind).reverse()).toEqual([
      "tenant_activate",
      "tenant_suspend",
      "tenant_archive",
      "tenant_restore",
      "tenant_suspend",
      "tenant_archive",
    ]);
    expect(new Set(operations.map((one: { requestedBy: string }) => one.requestedBy))).toEqual(
      new Set(["reconciler"]),
    );
  });

  it("brings a change of the manifest to the targets, and the newest release where that is declared", async () => {
    const pinned = await apply(manifest("pinned", "active", "  release: 1\n"));
    const newest = await apply(manifest("newest", "active", "  release: latest\n"));
    const follows = await apply(manifest("follows", "active"));
    for (const tenantId of [pinned, newest, follows]) await settled(tenantId, "active");
    const before = (await targetOf(follows)).currentSpecDigest;
    await apply(manifest("follows", "active", "  config: { settings: { LOG_LEVEL: debug } }\n"));
    await waitFor("the new spec", async () =>
      (await targetOf(follows)).currentSpecDigest === before ? undefined : true,
    );
    const number = await createRelease(service, "2.0.0");
    await waitFor("the newest release", async () =>
      (await targetOf(newest)).currentReleaseNumber === number ? true : undefined,
    );
    const refused = await service.call("POST", `${controlPlane}/rollouts`, {
      body: { change: { kind: "release", releaseNumber: number }, scope: { tenantIds: [pinned] } },
    });
    expect(refused).toMatchObject({ status: 409, body: { code: "managed_by_manifest" } });
    await rolloutsOf(service).run({ change: { kind: "release", releaseNumber: number } });
    expect(await targetOf(follows)).toMatchObject({ currentReleaseNumber: number });
    expect(await targetOf(pinned)).toMatchObject({ currentReleaseNumber: 1 });
    for (const tenantId of [pinned, newest, follows]) await settled(tenantId, "active");
    expect(
      (await operationsOf(follows)).map((one: { requestedBy: string }) => one.requestedBy),
    ).not.toContain(undefined);
  });

  it("gets there after operations that failed", async () => {
    service.world.failures = [failure()];
    const tenantId = await apply(manifest("unlucky", "active"));
    await settled(tenantId, "active");
    const statuses = (await operationsOf(tenantId)).map((one: { status: string }) => one.status);
    expect(statuses).toEqual(["succeeded", "failed"]);
  });

  it("gives up in words where trying again does not help, and starts anew when declared anew", async () => {
    service.world.failures = Array.from({ length: 12 }, (_, index) =>
      index % 2 === 0 ? failure() : undefined,
    );
    const tenantId = await apply(manifest("hopeless", "active"));
    const found = await waitFor("a verdict", async () =>
      (await foundOf(tenantId)).find((one: { verdict: string }) => one.verdict === "person"),
    );
    expect(found).toMatchObject({
      slug: "hopeless",
      attempts: 2,
      reason: expect.stringContaining("the cloud says no"),
    });
    const asked = (await operationsOf(tenantId)).length;
    service.world.failures = [];
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await operationsOf(tenantId)).length).toBe(asked);
    await apply(manifest("hopeless", "active", "  config: { settings: { A: b } }\n"));
    await settled(tenantId, "active");
  });

  it("puts right what was edited behind its back", async () => {
    const tenantId = await apply(manifest("edited", "active"));
    await settled(tenantId, "active");
    const { targetId } = await targetOf(tenantId);
    await edit(({ db }) =>
      db
        .updateTable("targets")
        .set({ deploymentState: "failed", currentSpecDigest: "0" })
        .where("targetId", "=", targetId)
        .execute(),
    );
    await waitFor("the target", async () =>
      (await targetOf(tenantId)).deploymentState === "ready" ? true : undefined,
    );
    await edit(({ db }) =>
      db
        .updateTable("tenants")
        .set((eb) => ({ plan: "business", recordVersion: eb("recordVersion", "+", 1) }))
        .where("tenantId", "=", tenantId)
        .execute(),
    );
    await settled(tenantId, "active");
    const stack = await waitFor("the plan in the stack", async () =>
      [...service.world.stacks.values()].find(
        ({ spec }) => spec.tenant.tenantId === tenantId && spec.plan.key === "business",
      ),
    );
    expect(stack.spec.tenant.slug).toBe("edited");
  });

  it("goes on after a restart where it was", async () => {
    service.world.gate = new Promise(() => undefined);
    const tenantId = await apply(manifest("restarted", "suspended"));
    await waitFor("the run", async () => service.world.runs.find((entry) => entry.includes(tenantId)));
    service.world.gate = undefined;
    await service.restart();
    await settled(tenantId, "suspended");
    expect((await operationsOf(tenantId)).map((one: { kind: string }) => one.kind)).toEqual([
      "tenant_suspend",
      "tenant_activate",
    ]);
  });

  it("leaves a forced edit until the next apply", async () => {
    const tenantId = await apply(manifest("forced", "active"));
    await settled(tenantId, "active");
    const headers = { "x-tenantry-force-reason": "incident 4711" };
    await service.call("POST", `${controlPlane}/tenants/${tenantId}/suspend`, { body: {}, headers });
    const found = await waitFor("a verdict", async () =>
      (await get(`/tenants/${tenantId}`)).status === "suspended"
        ? (await foundOf(tenantId)).find(
            (one: Noted) => one.verdict === "reported" && one.desired === "active",
          )
        : undefined,
    );
    expect(found).toMatchObject({
      desired: "active",
      observed: "suspended",
      reason: expect.stringContaining("incident 4711"),
    });
    await apply(manifest("forced", "active"));
    await settled(tenantId, "active");
  });

  it("leaves a tenant managed over the API as it is, and a target whose plane is no longer named", async () => {
    const tenantId = await createTenant(service, "by-api");
    await run(service, `/tenants/${tenantId}/activate`);
    await service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body: { plan: "business" } });
    const moved = await apply(manifest("moved", "active"));
    await settled(moved, "active");
    await apply(manifest("moved", "active").replace(`[${plane}]`, "[]"));
    await settled(moved, "active");
    const passed = (await get("/reconcile")).lastPass.finishedAt;
    await waitFor("another pass", async () =>
      (await get("/reconcile")).lastPass.finishedAt > passed ? true : undefined,
    );
    expect(await operationsOf(tenantId)).toHaveLength(1);
    expect(await operationsOf(moved)).toHaveLength(1);
    expect(await targetOf(moved)).toMatchObject({ deploymentState: "ready" });
  });

  it("repairs what was changed out of band, within the hour's budget, and never what was deleted", async () => {
    await service.restart(["--drift-repairs-per-hour", "1", "--drift-policy", "dev=correct"]);
    const ids: string[] = [];
    for (const slug of ["drift-a", "drift-b", "drift-c"]) ids.push(await apply(manifest(slug, "active")));
    for (const tenantId of ids) await settled(tenantId, "active");
    const finding = (kind: "changed" | "deleted") => ({
      ...{
        urn: "urn:pulumi:s::p::aws:sqs/queue:Queue::work",
        resourceType: "aws:sqs/queue:Queue",
        logicalName: "work",
      },
      ...{
        physicalId: "https://sqs/work",
        kind,
        properties: [{ path: "delaySeconds", recorded: 0, actual: 7 }],
      },
    });
    for (const [key, stack] of service.world.stacks) {
      const index = ids.indexOf(stack.spec.tenant.tenantId);
      if (index !== -1) stack.findings = [finding(index === 2 ? "deleted" : "changed")];
      expect(key).toContain("/");
    }
    await service.call("POST", `${controlPlane}/drift/scans`, { body: { tenantIds: ids } });
    const found = await waitFor("one repair and two findings", async () => {
      const noted = (await Promise.all(ids.map(foundOf))).flat();
      const drift = await Promise.all(ids.map(async (tenantId) => (await targetOf(tenantId)).drift));
      const repaired = drift.filter((one) => one === "clean").length === 1;
      return repaired && noted.length === 2 ? noted : undefined;
    });
    expect(found.map((one: { verdict: string }) => one.verdict).sort()).toEqual(["person", "reported"]);
    const repairs = (await Promise.all(ids.map(operationsOf)))
      .flat()
      .filter((one) => one.kind === "drift_repair");
    expect(repairs).toHaveLength(1);
    expect(repairs[0]).toMatchObject({ requestedBy: "reconciler", status: "succeeded" });
  });

  it("tells how it is doing", async () => {
    const status = await get("/reconcile");
    expect(status).toMatchObject({ mode: "correct", leader: { holder: expect.any(String) } });
    expect(status.lastPass.inSync).toBeGreaterThan(0);
    const { body } = await service.call("GET", "/metrics");
    for (const line of [
      /tenantry_reconcile_duration_seconds_count\{.*controller="fleet".*outcome="succeeded".*\} \d+/,
      /tenantry_reconcile_queue_depth\{controller="targets",manifest_version="v1"\} 0/,
      /tenantry_reconcile_lag_seconds\{controller="targets",manifest_version="v1"\} /,
      /tenantry_reconcile_actions_total\{.*action="activate",outcome="succeeded"\} \d+/,
    ]) {
      expect(body).toMatch(line);
    }
  });

  it("only reports when told to, and does nothing when off", async () => {
    await service.restart(["--reconcile", "report"]);
    const tenantId = await apply(manifest("watched", "active"));
    const found = await waitFor("a verdict", async () => (await foundOf(tenantId))[0]);
    expect(found).toMatchObject({ verdict: "reported", action: "activate" });
    await service.restart(["--reconcile", "off"]);
    await apply(manifest("watched", "active", "  primaryDomain: app.watched.example\n"));
    expect(await get("/reconcile")).toMatchObject({ mode: "off" });
    expect(await operationsOf(tenantId)).toEqual([]);
  });
});
