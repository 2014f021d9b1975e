import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificateVerify } from "../../registry/certificateVerify.ts";
import { CloudRuntimeError } from "../../service/cloud/cloudRuntime.ts";
import { EngineError } from "../../service/engine/errors.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  ended,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService(["--decommission-grace-ms", "86400000"]);
  await createRelease(service, "1.0.0");
});
afterAll(() => service.stop());

const get = async (at: string) => (await service.call("GET", `${controlPlane}${at}`)).body;
const call = (method: string, at: string, body?: object) =>
  service.call(method, `${controlPlane}${at}`, body === undefined ? {} : { body });
const targetOf = async (tenantId: string) => (await get(`/tenants/${tenantId}/targets`)).items[0];
const stackOf = (tenantId: string) =>
  [...service.world.stacks.values()].find(({ spec }) => spec.tenant.tenantId === tenantId);
const routeOf = async (tenantId: string) =>
  (
    await service
      .registry()
      .read((db) =>
        db.selectFrom("routes").select("state").where("tenantId", "=", tenantId).executeTakeFirst(),
      )
  )?.state;
const endOf = (slug: string, more: object = {}) => ({ confirmSlug: slug, reason: "contract ended", ...more });
const deleted = (tenantId: string) =>
  waitFor("the deletion", async () => {
    const tenant = await get(`/tenants/${tenantId}`);
    return tenant.status === "deleted" ? tenant : undefined;
  });

async function active(slug: string, more: object = {}): Promise<string> {
  const tenantId = await createTenant(service, slug, more);
  await run(service, `/tenants/${tenantId}/activate`);
  return tenantId;
}

/** Brings the end of the grace period, which no request can, near. */
async function endGrace(tenantId: string): Promise<void> {
  const context = {
    actor: { kind: "system" as const, id: "test", name: "test" },
    requestId: "test",
    correlationId: "test",
  };
  await service.registry().change(context, async (change) => {
    await change.db
      .updateTable("decommissions")
      .set({ graceUntil: change.now })
      .where("tenantId", "=", tenantId)
      .execute();
    await change.audit({ action: "test.grace_ended", target: { type: "tenant", id: tenantId }, tenantId });
  });
}

describe("decommissioning with a grace period", () => {
  it("blocks the tenant at once, keeps everything, and can be undone", async () => {
    const tenantId = await active("comes-back");
    const [blocking] = await run(service, `/tenants/${tenantId}/decommission`, endOf("comes-back"));
    expect(blocking).toMatchObject({ kind: "tenant_suspend", status: "succeeded" });
    const going = await get(`/tenants/${tenantId}`);
    expect(going).toMatchObject({ status: "decommissioning", requestedStatus: "deleted" });
    const hours = (Date.parse(going.decommissionAfter) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(23);
    expect(hours).toBeLessThanOrEqual(24);
    expect(await routeOf(tenantId)).toBe("suspended");
    expect(stackOf(tenantId)?.spec.workload).toBe("suspended");
    expect(service.world.data.databases.has(tenantId)).toBe(true);
    const refused = await call("PATCH", `/tenants/${tenantId}`, { displayName: "No" });
    expect(refused).toMatchObject({ status: 409, body: { code: "illegal_transition" } });
    expect(refused.body.legalTransitions).toContainEqual({ action: "undo_decommission", to: "before" });

    const back = await run(service, `/tenants/${tenantId}/decommission/undo`, { reason: "renewed" });
    expect(back).toMatchObject([{ kind: "tenant_reactivate", status: "succeeded" }]);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({
      ...{ status: "active", requestedStatus: "active", decommissionAfter: null },
    });
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "ready", suspensionMode: null });
    expect(await routeOf(tenantId)).toBe("live");
    const twice = await call("POST", `/tenants/${tenantId}/decommission/undo`, { reason: "again" });
    expect(twice).toMatchObject({ status: 409, body: { code: "illegal_transition" } });
  });

  it("leads back to the status before: suspended and archived tenants need no operation", async () => {
    const suspended = await active("was-suspended");
    await run(service, `/tenants/${suspended}/suspend`, { mode: "access" });
    expect(await run(service, `/tenants/${suspended}/decommission`, endOf("was-suspended"))).toEqual([]);
    expect(await run(service, `/tenants/${suspended}/decommission/undo`, { reason: "renewed" })).toEqual([]);
    expect(await get(`/tenants/${suspended}`)).toMatchObject({
      status: "suspended",
      requestedStatus: "suspended",
    });
    expect(await targetOf(suspended)).toMatchObject({
      deploymentState: "suspended",
      suspensionMode: "access",
    });

    await run(service, `/tenants/${suspended}/archive`, { reason: "paused" });
    expect(await run(service, `/tenants/${suspended}/decommission`, endOf("was-suspended"))).toEqual([]);
    await run(service, `/tenants/${suspended}/decommission/undo`, { reason: "renewed" });
    expect(await get(`/tenants/${suspended}`)).toMatchObject({ status: "archived" });
    await run(service, `/tenants/${suspended}/restore`);
    expect(await get(`/tenants/${suspended}`)).toMatchObject({ status: "active" });
  });

  it("destroys by itself when the period has ended, even if the service was away, and cannot be undone then", async () => {
    const tenantId = await active("goes-by-itself");
    await run(service, `/tenants/${tenantId}/decommission`, endOf("goes-by-itself", { graceHours: 1 }));
    expect(stackOf(tenantId)).toBeDefined();
    await endGrace(tenantId);
    await service.restart();
    expect(await deleted(tenantId)).toMatchObject({ requestedStatus: "deleted", decommissionAfter: null });
    expect(stackOf(tenantId)).toBeUndefined();
    expect(service.world.data.databases.has(tenantId)).toBe(false);
    const late = await call("POST", `/tenants/${tenantId}/decommission/undo`, { reason: "too late" });
    expect(late).toMatchObject({ status: 409, body: { code: "illegal_transition", legalTransitions: [] } });
  });

  it("refuses to be undone while it destroys", async () => {
    const tenantId = await active("too-late");
    service.world.failures.push(new EngineError("provider_denied", "Cannot delete: not allowed"));
    const now = endOf("too-late", { immediately: true });
    expect(await run(service, `/tenants/${tenantId}/decommission`, now)).toMatchObject([
      { status: "failed" },
    ]);
    const undo = await call("POST", `/tenants/${tenantId}/decommission/undo`, { reason: "renewed" });
    expect(undo).toMatchObject({ status: 409, body: { code: "grace_ended" } });
    await run(service, `/tenants/${tenantId}/decommission`, endOf("too-late"));
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "deleted" });
  });

  it("is skipped for admins alone, and a part of a tenant has none", async () => {
    const tenantId = await active("in-a-hurry");
    const { body } = await call("POST", "/api-keys", { name: "op", role: "fleet_operator" });
    const now = endOf("in-a-hurry", { immediately: true });
    const at = `${controlPlane}/tenants/${tenantId}/decommission`;
    const refused = await service.call("POST", at, { body: now, key: body.secret });
    expect(refused).toMatchObject({ status: 403, body: { code: "forbidden" } });
    const both = await call("POST", `/tenants/${tenantId}/decommission`, { ...now, graceHours: 2 });
    expect(both).toMatchObject({ status: 422, body: { code: "invalid_request" } });
    const wrong = await call("POST", `/tenants/${tenantId}/decommission`, {
      ...now,
      confirmSlug: "in-a-hurri",
    });
    expect(wrong).toMatchObject({ status: 422, body: { code: "confirmation_mismatch" } });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active" });
    await run(service, `/tenants/${tenantId}/decommission`, now);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "deleted" });
  });
});

describe("destroying", () => {
  it("takes what the services wrote while they were being stopped", async () => {
    const tenantId = await active("writes-late");
    const { engine, data } = service.world;
    const destroy = engine.destroy.bind(engine);
    Object.assign(engine, {
      destroy: async (...args: Parameters<typeof destroy>) => {
        data.objects.set(`dev-data/tenants/${tenantId}/late`, Buffer.from("late"));
        return destroy(...args);
      },
    });
    await run(service, `/tenants/${tenantId}/decommission`, endOf("writes-late", { immediately: true }));
    Object.assign(engine, { destroy });
    expect([...data.objects.keys()].filter((key) => key.includes(tenantId))).toEqual([]);
    const { certificate } = await get(`/tenants/${tenantId}/deletion-certificate`);
    expect(certificate.targets[0].objectsDeleted).toBe(1);
  });
});

it("says of a cancellation past the point of no return what is left, and a retry goes forward", async () => {
  const tenantId = await active("changed-minds");
  const gate = Promise.withResolvers<void>();
  service.world.gate = gate.promise;
  const runs = service.world.runs.length;
  const now = endOf("changed-minds", { immediately: true });
  const { body } = await call("POST", `/tenants/${tenantId}/decommission`, now);
  const [{ operationId }] = body.operations;
  await waitFor("the destruction", async () => service.world.runs[runs]);
  expect((await call("POST", `/operations/${operationId}/cancel`)).status).toBe(202);
  const operation = await ended(service, operationId);
  service.world.gate = undefined;
  expect(operation).toMatchObject({
    ...{ status: "cancelled", compensation: null },
    error: { code: "cancelled_midway", step: "destroy", retryable: false },
  });
  expect(operation.error.message).toMatch(
    /as drop_database cannot be undone: .*drop_database, delete_objects, destroy/,
  );
  expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "failed" });
  const { items } = await get(`/audit/events?tenantId=${tenantId}&action=operation.cancelled`);
  expect(items[0].details).toMatchObject({ left: "between", code: "cancelled_midway" });
  const [retried] = [(await call("POST", `/operations/${operationId}/retry`, {})).body];
  expect(await ended(service, retried.operationId)).toMatchObject({ status: "succeeded" });
  expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "deleted" });
});

it("ends a tenant whose own database and bucket went with a destruction that failed after them", async () => {
  const tenantId = await active("half-gone", { plan: "enterprise", isolation: "dedicated" });
  const { data } = service.world;
  const ended = (operationId: string) =>
    waitFor("the end", async () => {
      const found = await get(`/operations/${operationId}`);
      return found.finishedAt === null ? undefined : found;
    });
  const decommission = async () => {
    const asked = endOf("half-gone", { immediately: true });
    const { body } = await call("POST", `/tenants/${tenantId}/decommission`, asked);
    return ended(body.operations[0].operationId);
  };
  service.world.failures.push(new EngineError("engine_failed", "the network is still in use"));
  expect(await decommission()).toMatchObject({ status: "failed", error: { step: "destroy" } });
  data.onCall = (called) => {
    if (!called.includes(tenantId)) return;
    const isObjects = called.startsWith("deleteObjects own-");
    if (isObjects) throw new CloudRuntimeError("bucket_not_found", "no such bucket", { retryable: false });
    if (!/^(setLogin|drop|leftovers) /.test(called)) return;
    throw new CloudRuntimeError("secret_not_found", "no such secret", { retryable: false });
  };
  expect(await decommission()).toMatchObject({ status: "succeeded" });
  data.onCall = undefined;
  expect(await deleted(tenantId)).toMatchObject({ status: "deleted" });
});

describe("a legal hold", () => {
  it("refuses decommissioning and deleting, and holds back what a grace period's end would destroy", async () => {
    const tenantId = await active("held");
    const hold = await call("PUT", `/tenants/${tenantId}/legal-hold`, { reason: "case 2026-117" });
    expect(hold).toMatchObject({ status: 200, body: { legalHold: { reason: "case 2026-117" } } });
    const refused = await call("POST", `/tenants/${tenantId}/decommission`, endOf("held"));
    expect(refused).toMatchObject({ status: 409, body: { code: "legal_hold" } });
    expect(refused.body.detail).toContain("case 2026-117");
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active" });

    await call("DELETE", `/tenants/${tenantId}/legal-hold?reason=case%20closed`);
    await run(service, `/tenants/${tenantId}/decommission`, endOf("held"));
    await call("PUT", `/tenants/${tenantId}/legal-hold`, { reason: "case 2026-118" });
    await endGrace(tenantId);
    await service.restart();
    const other = await active("meanwhile");
    expect(await get(`/tenants/${other}`)).toMatchObject({ status: "active" });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "decommissioning" });
    expect(stackOf(tenantId)).toBeDefined();

    await call("DELETE", `/tenants/${tenantId}/legal-hold?reason=case%20closed`);
    await deleted(tenantId);
    const { items } = await get(`/audit/events?tenantId=${tenantId}&limit=200`);
    const actions = items.map((event: { action: string }) => event.action);
    expect(actions.filter((action: string) => action === "tenant.legal_hold_placed")).toHaveLength(2);
    expect(actions.filter((action: string) => action === "tenant.legal_hold_lifted")).toHaveLength(2);
    expect(actions).toContain("tenant.decommission_due");
  });

  it("stops a destruction that was asked for just before it was placed", async () => {
    const tenantId = await active("held-late");
    let open: () => void = () => undefined;
    service.world.gate = new Promise((resolve) => {
      open = resolve;
    });
    const blockers = await Promise.all(["busy-a", "busy-b"].map((slug) => createTenant(service, slug)));
    for (const blocker of blockers) await call("POST", `/tenants/${blocker}/activate`, {});
    const accepted = await call(
      "POST",
      `/tenants/${tenantId}/decommission`,
      endOf("held-late", { immediately: true }),
    );
    await call("PUT", `/tenants/${tenantId}/legal-hold`, { reason: "case 2026-119" });
    service.world.gate = undefined;
    open();
    const { operationId } = accepted.body.operations[0];
    const operation = await waitFor("the end", async () => {
      const found = await get(`/operations/${operationId}`);
      return found.finishedAt === null ? undefined : found;
    });
    expect(operation).toMatchObject({ status: "failed", error: { code: "legal_hold" } });
    expect(stackOf(tenantId)).toBeDefined();
    expect(service.world.data.databases.get(tenantId)).toMatchObject({ login: true });
  });

  it("keeps what a destruction that failed half-way had not come to, when it is retried", async () => {
    const tenantId = await active("held-half-way");
    const { data } = service.world;
    data.onCall = (called) => {
      if (called.startsWith("deleteObjects") && called.includes(tenantId))
        throw new Error("the bucket is closed");
    };
    const asked = endOf("held-half-way", { immediately: true });
    const { body } = await call("POST", `/tenants/${tenantId}/decommission`, asked);
    const ended = (operationId: string) =>
      waitFor("the end", async () => {
        const found = await get(`/operations/${operationId}`);
        return found.finishedAt === null ? undefined : found;
      });
    const failed = await ended(body.operations[0].operationId);
    expect(failed).toMatchObject({ status: "failed", error: { step: "delete_objects" } });
    data.onCall = undefined;
    const calls = data.calls.length;
    await call("PUT", `/tenants/${tenantId}/legal-hold`, { reason: "case 2026-121" });
    const again = await call("POST", `/operations/${failed.operationId}/retry`, {});
    const retried = await ended((again.body.operations?.[0] ?? again.body).operationId);
    expect(retried).toMatchObject({
      status: "failed",
      error: { code: "legal_hold", step: "delete_objects" },
    });
    expect(data.calls.slice(calls)).toEqual([]);
    expect(stackOf(tenantId)).toBeDefined();
  });
});

describe("a draft", () => {
  it("is deleted at once, with its reason on record", async () => {
    const tenantId = await createTenant(service, "mistake");
    const gone = await call("DELETE", `/tenants/${tenantId}?reason=typed%20wrongly`);
    expect(gone).toMatchObject({ status: 200, body: { status: "deleted", requestedStatus: "deleted" } });
    const { items } = await get(`/audit/events?tenantId=${tenantId}&action=tenant.deleted`);
    expect(items[0].reason).toBe("typed wrongly");
    expect(await createTenant(service, "mistake")).not.toBe(tenantId);
    const none = await call("GET", `/tenants/${tenantId}/deletion-certificate`);
    expect(none).toMatchObject({ status: 404, body: { code: "certificate_not_found" } });
  });

  it("cannot be deleted while held, and no other status can be deleted so", async () => {
    const draft = await createTenant(service, "held-draft");
    await call("PUT", `/tenants/${draft}/legal-hold`, { reason: "case 2026-120" });
    expect(await call("DELETE", `/tenants/${draft}`)).toMatchObject({
      status: 409,
      body: { code: "legal_hold" },
    });
    const live = await active("not-a-draft");
    expect(await call("DELETE", `/tenants/${live}`)).toMatchObject({
      status: 409,
      body: { code: "illegal_transition" },
    });
  });
});

describe("the deletion certificate", () => {
  it("says what was removed and what is kept, and is verified offline", async () => {
    const tenantId = await active("certified");
    service.world.data.objects.set(`dev-data/tenants/${tenantId}/a`, Buffer.from("a"));
    await run(service, `/tenants/${tenantId}/suspend`);
    await run(service, `/tenants/${tenantId}/archive`, { reason: "paused", retentionDays: 30 });
    const missing = await call("GET", `/tenants/${tenantId}/deletion-certificate`);
    expect(missing).toMatchObject({ status: 404, body: { code: "certificate_not_found" } });
    const deletionAt = "2027-01-01T00:00:00.000Z";
    const arn = "arn:aws:secretsmanager:::s";
    const secret = { arn, type: "secretsmanager:secret", id: "s" };
    service.world.leftovers = [{ ...secret, state: "scheduled_for_deletion", deletionAt }];
    await run(service, `/tenants/${tenantId}/decommission`, endOf("certified", { immediately: true }));
    service.world.leftovers = [];

    const signed = await get(`/tenants/${tenantId}/deletion-certificate`);
    const [archive] = (await get(`/tenants/${tenantId}/archives`)).items;
    expect(signed.certificate).toMatchObject({
      ...{ tenantId, slug: "certified", reason: "contract ended" },
      targets: [
        {
          planeName: "dev-eu-west-1",
          resourcesDeleted: 26,
          database: "dropped",
          objectsDeleted: 1,
          scheduledForDeletion: [{ arn, type: "secretsmanager:secret", deletionAt }],
          resources: [
            { type: "aws:ecs/service:Service", name: "arn:aws:ecs:::service/a" },
            { type: "postgresql", name: "schema" },
            { type: "s3:objects", name: `s3://dev-data/tenants/${tenantId}/` },
          ],
          resourcesUnlisted: 0,
        },
      ],
      archives: [{ archiveId: archive.archiveId, state: "retained", retainUntil: archive.retainUntil }],
    });
    const { items: keys } = await get("/signing-keys");
    expect(certificateVerify(signed, keys)).toMatchObject({ verified: true });

    const forged = structuredClone(signed);
    forged.certificate.archives = [];
    expect(certificateVerify(forged, keys)).toMatchObject({ verified: false });
    const added = { ...signed, certificate: { ...signed.certificate, note: "unsigned" } };
    expect(certificateVerify(added, keys)).toMatchObject({ verified: false });
    const { publicKey } = generateKeyPairSync("ed25519");
    const other = publicKey.export({ type: "spki", format: "pem" }).toString();
    expect(certificateVerify(signed, [{ keyId: keys[0].keyId, publicKey: other }])).toMatchObject({
      verified: false,
      reason: expect.stringContaining("another id"),
    });
  });

  it("names what a destruction had removed that was cut off, also when it is asked for anew", async () => {
    const tenantId = await active("cut-off");
    const { engine, stacks } = service.world;
    const destroy = engine.destroy.bind(engine);
    Object.assign(engine, {
      destroy: async ({ projectName, stackName }: { projectName: string; stackName: string }) => {
        stacks.delete(`${projectName}/${stackName}`);
        throw new EngineError("engine_failed", "the connection was lost");
      },
    });
    const now = endOf("cut-off", { immediately: true });
    const [failed] = await run(service, `/tenants/${tenantId}/decommission`, now);
    Object.assign(engine, { destroy });
    expect(failed).toMatchObject({ status: "failed", error: { code: "engine_failed", step: "destroy" } });
    await run(service, `/tenants/${tenantId}/decommission`, now);
    const { certificate } = await get(`/tenants/${tenantId}/deletion-certificate`);
    expect(certificate.targets[0].resources).toEqual([
      { type: "aws:ecs/service:Service", name: "arn:aws:ecs:::service/a" },
      { type: "postgresql", name: "schema" },
    ]);
  });

  it("is verified by a command that needs no service", async () => {
    const tenantId = await active("commanded");
    await run(service, `/tenants/${tenantId}/decommission`, endOf("commanded", { immediately: true }));
    const file = path.join(service.dataDir, "certificate.json");
    const keys = path.join(service.dataDir, "keys.json");
    const signed = await get(`/tenants/${tenantId}/deletion-certificate`);
    writeFileSync(file, JSON.stringify(signed));
    writeFileSync(keys, JSON.stringify(await get("/signing-keys")));
    const verify = () =>
      spawnSync(process.execPath, ["registry/certificateCommand.ts", "verify", file, "--keys", keys], {
        encoding: "utf8",
      });
    expect(verify()).toMatchObject({
      stderr: "",
      status: 0,
      stdout: expect.stringMatching(
        /genuine: tenant commanded.*aws:ecs\/service:Service arn:aws:ecs:::service\/a/s,
      ),
    });
    signed.certificate.slug = "another";
    writeFileSync(file, JSON.stringify(signed));
    expect(verify()).toMatchObject({ status: 2, stdout: expect.stringContaining("not what was signed") });
  });

  it("stays when the service starts anew, with the same key", async () => {
    const before = (await get("/signing-keys")).items;
    await service.restart();
    const tenantId = await active("same-key");
    await run(service, `/tenants/${tenantId}/decommission`, endOf("same-key", { immediately: true }));
    expect((await get("/signing-keys")).items).toEqual(before);
    expect(await get("/audit/verification")).toMatchObject({ verified: true, breaks: [] });
  });
});
