import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planeRecord } from "../../registry/plane.ts";
import type { DriftFinding } from "../../service/engine/engine.ts";
import { DEFAULT_POLICIES } from "../../service/policy/keeper.ts";
import { context } from "../registry/fixtures.ts";
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

/** Requests whose path names no tenant and that are about some all the same: by a scope, a filter or a manifest. */
const folder = mkdtempSync(path.join(tmpdir(), "tenantry-policies-"));
cpSync(DEFAULT_POLICIES, folder, { recursive: true });
const own = path.join(folder, "own.cedar");
const OTHER = "dev-us-east-1";

let service: TestService;
let [sealed, shut, free] = ["", "", ""];
beforeAll(async () => {
  const quiet = ["--reconcile", "off", "--policies-poll-ms", "50"];
  service = await startTestService(["--policies", folder, ...quiet]);
  await createRelease(service, "1.0.0");
  const labels = { sealed: "yes" };
  sealed = await createTenant(service, "sealed", { labels });
  shut = await createTenant(service, "shut", { labels });
  free = await createTenant(service, "free");
  for (const tenantId of [sealed, shut, free]) await run(service, `/tenants/${tenantId}/activate`);
});
afterAll(async () => {
  await service.stop();
  rmSync(folder, { recursive: true });
});

const get = async (at: string) => (await service.call("GET", `${controlPlane}${at}`)).body;
const post = (at: string, body: object = {}) => service.call("POST", `${controlPlane}${at}`, { body });
const eventsOf = async (tenantId: string, action: string) =>
  (await get(`/audit/events?tenantId=${tenantId}&action=${action}`)).items;

async function settled(write: () => void): Promise<void> {
  const { version } = await get("/policy");
  write();
  await waitFor("the other policies", async () => {
    const now = await get("/policy");
    return now.version !== version && now.problem === null ? now : undefined;
  });
}

async function drift(...tenantIds: string[]): Promise<void> {
  const type = "aws:sqs/queue:Queue";
  const finding: DriftFinding = {
    ...{ urn: `urn:pulumi:s::p::${type}::work`, resourceType: type, logicalName: "work", kind: "changed" },
    ...{ physicalId: "https://sqs/work", properties: [{ path: "delaySeconds", recorded: 0, actual: 9 }] },
  };
  for (const tenantId of tenantIds) {
    const stack = service.world.stacks.get(`tenant-${tenantId}/${plane}-1`);
    if (stack === undefined) throw new Error(`there is no stack of ${tenantId}`);
    stack.findings = [finding];
  }
  const { scanId } = (await post("/drift/scans")).body;
  await waitFor("the scan", async () => (await get(`/drift/scans/${scanId}`)).finishedAt ?? undefined);
}

describe("a repair of drift", () => {
  const forbidden = (action: string) =>
    `@id("sealed") @reason("Nobody touches it.") forbid (principal, action == Tenantry::Action::"${action}", resource is Tenantry::Tenant)
     when { resource.hasTag("sealed") && context.reason != "agreed" && context.wanted.planes.contains("${plane}") };`;
  const findingsOf = (tenantId: string) =>
    service.world.stacks.get(`tenant-${tenantId}/${plane}-1`)?.findings.length;

  it("is decided on tenant by tenant, whether it names them or the fleet", async () => {
    await drift(sealed, shut, free);
    await settled(() => writeFileSync(own, forbidden("driftRepairCreate")));
    const denied = { status: 403, body: { code: "policy_denied", reasons: [{ policyId: "sealed" }] } };
    const one = await post("/drift/repairs", { tenantIds: [sealed] });
    expect(one).toMatchObject(denied);
    expect(one.body.detail).toContain("(sealed)");
    const all = await post("/drift/repairs");
    expect(all).toMatchObject(denied);
    expect(all.body.errors.map(({ value }: { value: string }) => value).sort()).toEqual(
      [sealed, shut].sort(),
    );
    expect([sealed, shut, free].map(findingsOf)).toEqual([1, 1, 1]);
    const { items } = await get("/operations");
    expect(items.filter(({ kind }: { kind: string }) => kind === "drift_repair")).toEqual([]);

    const [event, ...others] = await eventsOf(sealed, "access.denied");
    expect(others).toHaveLength(1);
    expect(event).toMatchObject({
      outcome: "denied",
      details: {
        ...{ action: "driftRepairCreate", code: "policy_denied", reasons: [{ policyId: "sealed" }] },
        authorization: { role: "fleet_admin", policies: ["sealed"] },
      },
    });
    expect(await eventsOf(shut, "access.denied")).toHaveLength(1);
    expect(await eventsOf(free, "access.denied")).toEqual([]);
  });

  it("goes on for all others, and for those too when what they say allows it", async () => {
    const [repair, ...more] = await run(service, "/drift/repairs", {
      exclude: { tenantIds: [sealed, shut] },
    });
    expect([repair.tenantId, repair.status, more]).toEqual([free, "succeeded", []]);
    const agreed = await run(service, "/drift/repairs", { tenantIds: [sealed, shut], reason: "agreed" });
    expect(agreed.map(({ status }) => status)).toEqual(["succeeded", "succeeded"]);
    expect([sealed, shut, free].map(findingsOf)).toEqual([0, 0, 0]);
  });

  it("is not begun while the policies cannot be evaluated", async () => {
    await drift(free);
    const overflow = "when { 9223372036854775807 + context.time.hour + 1 > 0 };";
    const broken = `@id("broken") @reason("Never evaluated.") forbid (principal, action == Tenantry::Action::"driftRepairCreate", resource is Tenantry::Tenant) ${overflow}`;
    await settled(() => writeFileSync(own, broken));
    expect(await post("/drift/repairs", { tenantIds: [free] })).toMatchObject({
      status: 403,
      body: { code: "policy_error" },
    });
    expect(findingsOf(free)).toBe(1);
    await settled(() => rmSync(own));
  });
});

describe("a list that is filtered by a tenant", () => {
  const lists = [
    ...["/audit/events?tenantId={}", "/audit/decisions?tenantId={}", "/audit/verification?tenantId={}"],
    ...["/audit/events?chain={}", "/audit/export?chain={}", "/operations?tenantId={}", "/drift?tenantId={}"],
    ...["/drift/causes?tenantId={}", "/reconcile?tenantId={}", "/pins?tenantId={}", "/windows?tenantId={}"],
    ...["/limit-overrides?tenantId={}", "/usage/totals?tenantId={}"],
  ];
  const asking = (list: string, tenantId: string) =>
    service.call("GET", `${controlPlane}${list.replace("{}", tenantId)}`);

  it("is decided on with that tenant", async () => {
    const reads = `@id("unread") @reason("Nobody looks.") forbid (principal, action in Tenantry::Action::"read", resource is Tenantry::Tenant)
      when { resource.hasTag("sealed") };`;
    await settled(() => writeFileSync(own, reads));
    for (const list of lists) {
      expect(await asking(list, sealed), list).toMatchObject({
        status: 403,
        body: { code: "policy_denied", reasons: [{ policyId: "unread" }] },
      });
      expect((await asking(list, free)).status, list).toBe(200);
      expect((await asking(list, "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11")).status, list).toBe(404);
    }
    const asked = { principal: { role: "auditor" }, action: "tenantGet", tenantId: sealed };
    expect(await post("/policy/evaluations", asked)).toMatchObject({ body: { code: "policy_denied" } });
    await settled(() => rmSync(own));
  });
});

describe("a manifest that would bring a tenant to another region", () => {
  const manifest = (regions: string, planes: string) => `apiVersion: tenantry.dev/v1
kind: Tenant
metadata: { slug: free }
spec: { displayName: Free, plan: starter, state: active, regions: { allowed: ${regions} }, planes: ${planes} }
`;
  const apply = (text: string, query = "") => post(`/manifests/apply${query}`, { documents: [text] });
  const crossings = () => eventsOf(free, "security.cross_region_denied");

  it("is a security event on that tenant's chain", async () => {
    await service.registry().change(context, (change) =>
      planeRecord(change, {
        ...{ name: OTHER, environment: "dev", region: "us-east-1", accountId: "123456789012" },
        ...{ stackName: "dev-us", outputs: { clusterName: "dev-us" } },
      }),
    );
    const refused = await apply(manifest("[]", `[${plane}, ${OTHER}]`), "?reason=nearer%20to%20them");
    expect(refused).toMatchObject({ status: 403, body: { code: "residency_violation" } });
    expect(refused.body).not.toHaveProperty("tenantId");
    expect(await crossings()).toMatchObject([
      {
        ...{ outcome: "denied", reason: "nearer to them", target: { type: "tenant", id: free } },
        details: { code: "residency_violation" },
      },
    ]);
  });

  it("is one also where the manifest is not valid for it, and none in a dry run", async () => {
    const text = manifest("[us-east-1]", `[${OTHER}]`);
    expect(await apply(text, "?dryRun=true")).toMatchObject({ body: { code: "manifest_invalid" } });
    expect(await crossings()).toHaveLength(1);
    expect(await apply(text)).toMatchObject({ status: 422, body: { code: "manifest_invalid" } });
    const [event, ...others] = await crossings();
    expect(others).toHaveLength(1);
    expect(event.details).toMatchObject({ code: "region_not_allowed" });
    const fleet = await get("/audit/events?action=security.cross_region_denied");
    expect(fleet.items.every(({ tenantId }: { tenantId: string | null }) => tenantId === free)).toBe(true);
  });
});
