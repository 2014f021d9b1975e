import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LeaseLostError } from "../../registry/journal.ts";
import { targetAppliedSpec, targetsOfTenant, targetUpdate } from "../../registry/target.ts";
import { readSettings } from "../../service/config.ts";
import { EngineError } from "../../service/engine/errors.ts";
import { createLog } from "../../service/log.ts";
import { purgeArchives } from "../../service/operations/archivePurge.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  releaseBody,
  run,
  startTestService,
  type TestService,
} from "./harness.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
});
afterAll(() => service.stop());

const get = async (at: string) => (await service.call("GET", `${controlPlane}${at}`)).body;
const post = (at: string, body: object = {}) => service.call("POST", `${controlPlane}${at}`, { body });
const targetOf = async (tenantId: string) => (await get(`/tenants/${tenantId}/targets`)).items[0];
const archivesOf = async (tenantId: string) => (await get(`/tenants/${tenantId}/archives`)).items;
const stacksOf = (tenantId: string) =>
  [...service.world.stacks.keys()].filter((key) => key.includes(tenantId));
const objectsOf = (prefix: string) =>
  [...service.world.data.objects.keys()].filter((key) => key.startsWith(prefix));
const routeOf = (tenantId: string) =>
  service
    .registry()
    .read((db) =>
      db
        .selectFrom("routes")
        .select(["state", "generation"])
        .where("tenantId", "=", tenantId)
        .executeTakeFirst(),
    );

/** The reasons of the tenant's audit events of that kind; each has gone out as an event, too. */
async function told(tenantId: string, action: string): Promise<(string | null)[]> {
  const { items } = await get(`/audit/events?tenantId=${tenantId}&action=${action}`);
  const sent = await service
    .registry()
    .read((db) =>
      db
        .selectFrom("outbox")
        .select("eventId")
        .where("stream", "=", tenantId)
        .where("type", "=", action)
        .execute(),
    );
  expect(sent).toHaveLength(items.length);
  return items.map(({ reason }: { reason: string | null }) => reason);
}

/** Active, with something in its database and among its objects. */
async function furnished(slug: string): Promise<string> {
  const tenantId = await createTenant(service, slug);
  await run(service, `/tenants/${tenantId}/activate`);
  const database = service.world.data.databases.get(tenantId);
  if (database === undefined) throw new Error("activation must provision a database");
  database.content = `rows of ${slug}`;
  service.world.data.objects.set(`dev-data/tenants/${tenantId}/report.pdf`, Buffer.from(`report of ${slug}`));
  return tenantId;
}

async function archived(slug: string): Promise<string> {
  const tenantId = await furnished(slug);
  await run(service, `/tenants/${tenantId}/suspend`, { reason: "paused" });
  await run(service, `/tenants/${tenantId}/archive`, { reason: "paused for long", retentionDays: 30 });
  return tenantId;
}

/** As a newer version of the service would read it. */
async function changeAppliedSpec(tenantId: string): Promise<void> {
  const by = {
    actor: { kind: "system", id: "test", name: "test" },
    requestId: "t",
    correlationId: "t",
  } as const;
  await service.registry().change(by, async (change) => {
    const { targetId } = (await targetsOfTenant(change.db, tenantId))[0] ?? { targetId: "" };
    const spec = (await targetAppliedSpec(change.db, targetId)) as { tenant: object };
    const tenant = { ...spec.tenant, displayName: "Another" };
    await targetUpdate(change, targetId, { appliedSpec: { ...spec, tenant } }, {});
  });
}

describe("archiving", () => {
  it("moves data to the archive, removes what runs, and says where it is and what is in it", async () => {
    const tenantId = await archived("archived");
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({
      status: "archived",
      requestedStatus: "archived",
    });
    expect((await get(`/tenants/${tenantId}`)).archivedAt).not.toBeNull();
    expect(await targetOf(tenantId)).toMatchObject({
      deploymentState: "archived",
      requestedState: "archived",
      generation: 2,
    });
    expect(stacksOf(tenantId)).toEqual([]);
    expect(service.world.data.databases.has(tenantId)).toBe(false);
    expect(objectsOf(`dev-data/tenants/${tenantId}/`)).toEqual([]);
    expect((await routeOf(tenantId))?.state).toBe("suspended");

    expect(await told(tenantId, "tenant.archived")).toEqual(["paused for long"]);

    const [archive] = await archivesOf(tenantId);
    expect(archive).toMatchObject({
      state: "complete",
      planeName: "dev-eu-west-1",
      bucket: "dev-archive",
      releaseNumber: 1,
      restoredAt: null,
      manifest: {
        database: { tables: 1, rows: 1 },
        objects: { count: 1, bytes: "report of archived".length },
      },
    });
    const keptMs = Date.parse(archive.retainUntil) - Date.parse(archive.createdAt);
    expect(Math.round(keptMs / 86_400_000)).toBe(30);
    const kept = objectsOf(`${archive.bucket}/${archive.prefix}`).map((key) =>
      key.slice(archive.bucket.length + 1 + archive.prefix.length),
    );
    expect(kept).toEqual(expect.arrayContaining(["objects/report.pdf", "database/facts"]));
  });

  it("taken up by a service that resolves another spec dumps nothing anew after the data is gone", async () => {
    const tenantId = await furnished("upgraded-meanwhile");
    await run(service, `/tenants/${tenantId}/suspend`, { reason: "paused" });
    const { data, runs } = service.world;
    let dumps = 0;
    let changed: Promise<void> | undefined;
    data.onCall = (call) => {
      if (call === `dump ${tenantId}`) dumps += 1;
      if (changed !== undefined || !call.startsWith("deleteObjects")) return;
      // Begun before the operation can be claimed again, so it is written by then: changes come one after the other.
      changed = changeAppliedSpec(tenantId);
      throw new LeaseLostError("as if the process had ended");
    };
    const reason = "paused for long";
    const [operation] = await run(service, `/tenants/${tenantId}/archive`, { reason, retentionDays: 30 });
    data.onCall = undefined;
    await changed;
    expect(operation).toMatchObject({ status: "succeeded", attempt: 2 });
    expect(dumps).toBe(1);
    const changes = runs.filter((entry) => entry.includes(tenantId) && /^(up|repair|destroy) /.test(entry));
    expect(changes.at(-1)).toMatch(/^destroy/);
    await run(service, `/tenants/${tenantId}/restore`, { reason: "back" });
    expect(data.databases.get(tenantId)?.content).toBe("rows of upgraded-meanwhile");
    expect(await told(tenantId, "tenant.archived")).toEqual(["paused for long"]);
    expect(await told(tenantId, "tenant.restored")).toEqual(["back"]);
  });

  it("is for suspended tenants only", async () => {
    const tenantId = await furnished("still-active");
    const refused = await post(`/tenants/${tenantId}/archive`, { reason: "too early" });
    expect(refused).toMatchObject({ status: 409, body: { code: "illegal_transition" } });
    expect(refused.body.legalTransitions.map((one: { action: string }) => one.action)).toContain("suspend");
  });

  it("that fails before anything was removed leaves the suspended tenant as it was", async () => {
    const tenantId = await furnished("breaks-early");
    await run(service, `/tenants/${tenantId}/suspend`, { reason: "paused" });
    service.world.data.onCall = (call) => {
      if (call.startsWith("copyObjects"))
        throw new EngineError("provider_denied", "Cannot copy: not allowed");
    };
    const [failed] = await run(service, `/tenants/${tenantId}/archive`, { reason: "paused for long" });
    service.world.data.onCall = undefined;
    expect(failed).toMatchObject({ status: "failed", compensation: "succeeded" });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({
      status: "suspended",
      requestedStatus: "suspended",
    });
    expect(await targetOf(tenantId)).toMatchObject({
      deploymentState: "suspended",
      requestedState: "suspended",
    });
    expect(objectsOf(`dev-archive/archives/${tenantId}/`)).toEqual([]);
    expect(service.world.data.databases.get(tenantId)).toMatchObject({
      content: "rows of breaks-early",
      login: true,
    });
    await run(service, `/tenants/${tenantId}/reactivate`);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active" });
  });

  it("that fails after the verification brings the data back from the archive", async () => {
    const tenantId = await furnished("breaks-late");
    await run(service, `/tenants/${tenantId}/suspend`, { reason: "paused" });
    let deletions = 0;
    service.world.data.onCall = (call) => {
      if (!call.startsWith("deleteObjects dev-data/")) return;
      deletions += 1;
      if (deletions === 1) throw new EngineError("provider_denied", "Cannot delete: not allowed");
    };
    const [failed] = await run(service, `/tenants/${tenantId}/archive`, { reason: "paused for long" });
    service.world.data.onCall = undefined;
    expect(failed).toMatchObject({ status: "failed", compensation: "succeeded" });
    expect(service.world.data.databases.get(tenantId)).toMatchObject({ content: "rows of breaks-late" });
    expect(objectsOf(`dev-data/tenants/${tenantId}/`)).toHaveLength(1);
    expect((await archivesOf(tenantId)).map((one: { state: string }) => one.state)).toEqual(["deleted"]);
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "suspended" });
  });

  it("that fails at the destruction goes on with the same archive when asked for again", async () => {
    const tenantId = await furnished("breaks-last");
    await run(service, `/tenants/${tenantId}/suspend`, { reason: "paused" });
    service.world.failures.push(new EngineError("provider_denied", "Cannot delete: not allowed"));
    const [failed] = await run(service, `/tenants/${tenantId}/archive`, { reason: "paused for long" });
    expect(failed).toMatchObject({ status: "failed", compensation: null });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({
      status: "suspended",
      requestedStatus: "archived",
    });
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "failed", requestedState: "archived" });
    const refused = await post(`/tenants/${tenantId}/reactivate`);
    expect(refused).toMatchObject({ status: 409, body: { code: "illegal_transition" } });
    await service.registry().record(async ({ db }) => {
      const { targetId } = await targetOf(tenantId);
      const drifted = db.updateTable("targetObservations").set({ drift: "drifted" });
      await drifted.where("targetId", "=", targetId).execute();
    });
    expect(await run(service, "/drift/repairs", { tenantIds: [tenantId] })).toEqual([]);

    const [again] = await run(service, `/tenants/${tenantId}/archive`, { reason: "paused for long" });
    expect(again.status).toBe("succeeded");
    expect(await archivesOf(tenantId)).toHaveLength(1);
    await run(service, `/tenants/${tenantId}/restore`);
    expect(service.world.data.databases.get(tenantId)).toMatchObject({ content: "rows of breaks-last" });
  });
});

describe("archiving without losing anything", () => {
  it("stops what still writes where access alone was blocked, and starts it again when it fails", async () => {
    const tenantId = await furnished("still-writes");
    await run(service, `/tenants/${tenantId}/suspend`, { mode: "access" });
    const workload = () =>
      [...service.world.stacks.values()].find(({ spec }) => spec.tenant.tenantId === tenantId)?.spec.workload;
    expect(workload()).toBe("running");
    const seen: unknown[] = [];
    service.world.data.onCall = (call) => {
      if (!call.startsWith("dump")) return;
      seen.push(workload());
      throw new EngineError("provider_denied", "Cannot dump: not allowed");
    };
    const [failed] = await run(service, `/tenants/${tenantId}/archive`, { reason: "paused for long" });
    service.world.data.onCall = undefined;
    expect(failed).toMatchObject({ status: "failed", compensation: "succeeded" });
    expect(seen).toEqual(["suspended"]);
    expect(workload()).toBe("resuming");
    expect(await targetOf(tenantId)).toMatchObject({
      deploymentState: "suspended",
      suspensionMode: "access",
    });
  });

  it("makes a new archive of what was restored and changed since, even when the first attempt was kept", async () => {
    const tenantId = await archived("changed-since");
    await run(service, `/tenants/${tenantId}/restore`);
    const database = service.world.data.databases.get(tenantId);
    if (database !== undefined) database.content = "rows after the restore";
    await run(service, `/tenants/${tenantId}/suspend`);
    service.world.data.onCall = (call) => {
      if (call.startsWith("copyObjects"))
        throw new EngineError("provider_denied", "Cannot copy: not allowed");
    };
    const keep = { reason: "paused again", onFailure: "keep" };
    const [failed] = await run(service, `/tenants/${tenantId}/archive`, keep);
    service.world.data.onCall = undefined;
    expect(failed).toMatchObject({ status: "failed", compensation: null });
    await run(service, `/tenants/${tenantId}/archive`, { reason: "paused again" });
    expect(await archivesOf(tenantId)).toHaveLength(2);
    await run(service, `/tenants/${tenantId}/restore`);
    expect(service.world.data.databases.get(tenantId)).toMatchObject({ content: "rows after the restore" });
  });
});

describe("an archive past its retention", () => {
  const purge = () => {
    const settings = readSettings(["--data-dir", service.dataDir], {});
    const { cloud } = service.world;
    const purging = { registry: service.registry(), cloud, settings, log: createLog(settings) };
    return purgeArchives(purging, new Date().toISOString());
  };
  const expire = (tenantId: string) =>
    service
      .registry()
      .change(
        { actor: { kind: "system", id: "test", name: "test" }, requestId: "test", correlationId: "test" },
        async (change) => {
          const past = "2026-01-01T00:00:00.000Z";
          const rows = change.db.updateTable("archives").set({ retainUntil: past });
          await rows.where("tenantId", "=", tenantId).execute();
          await change.audit({ action: "test.expired", target: { type: "tenant", id: tenantId }, tenantId });
        },
      );

  it("stays while the tenant lives in it or is held, and is deleted afterwards", async () => {
    const tenantId = await archived("expired");
    await expire(tenantId);
    await purge();
    expect(await archivesOf(tenantId)).toMatchObject([{ state: "complete" }]);

    await run(service, `/tenants/${tenantId}/restore`);
    const hold = { body: { reason: "case 2026-121" } };
    await service.call("PUT", `${controlPlane}/tenants/${tenantId}/legal-hold`, hold);
    await purge();
    expect(await archivesOf(tenantId)).toMatchObject([{ state: "complete" }]);

    await service.call("DELETE", `${controlPlane}/tenants/${tenantId}/legal-hold?reason=closed`);
    await purge();
    await purge();
    expect(await archivesOf(tenantId)).toMatchObject([{ state: "deleted" }]);
    expect(objectsOf(`dev-archive/archives/${tenantId}/`)).toEqual([]);
    expect(objectsOf(`dev-data/tenants/${tenantId}/`)).toHaveLength(1);
    const { items } = await get(`/audit/events?tenantId=${tenantId}&action=archive.deleted`);
    expect(items).toHaveLength(1);
  });

  it("goes with a tenant that is decommissioned, and the certificate says so", async () => {
    const tenantId = await archived("expired-end");
    await expire(tenantId);
    const end = { confirmSlug: "expired-end", reason: "contract ended" };
    await run(service, `/tenants/${tenantId}/decommission`, end);
    const signed = await get(`/tenants/${tenantId}/deletion-certificate`);
    expect(signed.certificate.archives).toMatchObject([{ state: "deleted", retainUntil: null }]);
    expect(objectsOf(`dev-archive/archives/${tenantId}/`)).toEqual([]);
  });
});

describe("restoring", () => {
  it("brings back stack, database and objects, checked against the archive, and then lets users in", async () => {
    const tenantId = await archived("restored");
    await createRelease(service, "2.0.0");
    const [operation] = await run(service, `/tenants/${tenantId}/restore`, { reason: "goes on" });
    expect(operation.status).toBe("succeeded");
    expect(operation.steps.map((step: { name: string }) => step.name)).toEqual([
      ...[
        "find_archive",
        "resolve_spec",
        "deploy",
        "provision_database",
        "restore_database",
        "restore_objects",
      ],
      ...["start_workloads", "wait_until_steady", "publish_routing"],
    ]);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active", archivedAt: null });
    expect(await targetOf(tenantId)).toMatchObject({
      deploymentState: "ready",
      requestedState: "present",
      generation: 2,
      currentReleaseNumber: 1,
      health: "healthy",
    });
    expect(stacksOf(tenantId)).toEqual([`tenant-${tenantId}/dev-eu-west-1-2`]);
    expect(
      [...service.world.stacks.values()].find(({ spec }) => spec.tenant.tenantId === tenantId)?.spec.workload,
    ).toBe("resuming");
    expect(service.world.data.databases.get(tenantId)).toMatchObject({ content: "rows of restored" });
    expect(objectsOf(`dev-data/tenants/${tenantId}/`)).toEqual([`dev-data/tenants/${tenantId}/report.pdf`]);
    expect(await routeOf(tenantId)).toEqual({ state: "live", generation: 2 });
    const [archive] = await archivesOf(tenantId);
    expect(archive.state).toBe("complete");
    expect(archive.restoredAt).not.toBeNull();
  });

  it("refuses an archive that was changed, and the tenant stays archived", async () => {
    const tenantId = await archived("tampered");
    const [archive] = await archivesOf(tenantId);
    const key = `${archive.bucket}/${archive.prefix}objects/report.pdf`;
    const original = service.world.data.objects.get(key);
    service.world.data.objects.set(key, Buffer.from("something else"));
    const [failed] = await run(service, `/tenants/${tenantId}/restore`);
    expect(failed).toMatchObject({
      status: "failed",
      error: { code: "checksum_mismatch" },
      compensation: "succeeded",
    });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({
      status: "archived",
      requestedStatus: "archived",
    });
    expect(await targetOf(tenantId)).toMatchObject({
      deploymentState: "archived",
      requestedState: "archived",
    });
    expect(stacksOf(tenantId)).toEqual([]);
    expect(service.world.data.databases.has(tenantId)).toBe(false);

    if (original === undefined) throw new Error("the archive must have held the report");
    service.world.data.objects.set(key, original);
    await run(service, `/tenants/${tenantId}/restore`);
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "active" });
    expect(await targetOf(tenantId)).toMatchObject({ deploymentState: "ready", generation: 3 });
  });

  it("can be archived and restored again and again", async () => {
    const tenantId = await archived("to-and-fro");
    await run(service, `/tenants/${tenantId}/restore`);
    const database = service.world.data.databases.get(tenantId);
    if (database !== undefined) database.content = "newer rows";
    await run(service, `/tenants/${tenantId}/suspend`);
    await run(service, `/tenants/${tenantId}/archive`, { reason: "paused again" });
    expect(await archivesOf(tenantId)).toHaveLength(2);
    await run(service, `/tenants/${tenantId}/restore`);
    expect(service.world.data.databases.get(tenantId)).toMatchObject({ content: "newer rows" });
    expect(await get("/audit/verification")).toMatchObject({ verified: true });
  });

  it("takes no release that a pin keeps away or that does not know the archived schema", async () => {
    const schema = async (schemaVersion: number, compatibleSchemas: object) =>
      (await post("/releases", { ...releaseBody(`9.${schemaVersion}.0`), schemaVersion, compatibleSchemas }))
        .body.number as number;
    const old = await schema(3, { from: 3, to: 3 });
    const current = await schema(4, { from: 3, to: 4 });
    const tenantId = await furnished("restored-elsewhere");
    await run(service, `/tenants/${tenantId}/deploy`, { releaseNumber: current });
    await run(service, `/tenants/${tenantId}/suspend`, { reason: "paused" });
    await run(service, `/tenants/${tenantId}/archive`, { reason: "paused for long" });
    const restore = (releaseNumber: number) => post(`/tenants/${tenantId}/restore`, { releaseNumber });
    expect(await restore(old)).toMatchObject({ status: 409, body: { code: "release_incompatible" } });
    const pin = await post("/pins", { tenantId, releaseNumber: current, reason: "acceptance test" });
    expect(pin.status).toBe(201);
    const next = await schema(5, { from: 4, to: 5 });
    expect(await restore(next)).toMatchObject({ status: 409, body: { code: "target_pinned" } });
    expect(await get(`/tenants/${tenantId}`)).toMatchObject({ status: "archived" });
    await run(service, `/tenants/${tenantId}/restore`);
    expect(await targetOf(tenantId)).toMatchObject({ currentReleaseNumber: current });
  });
});
