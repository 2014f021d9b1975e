import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Certificate } from "../../contract/decommission.ts";
import { nextStatus } from "../../contract/lifecycle.ts";
import type { TenantStatus } from "../../contract/vocabulary.ts";
import {
  type ArchiveCreate,
  archiveCreate,
  archiveList,
  archiveMark,
  archiveOfTarget,
  archivesExpired,
} from "../../registry/archive.ts";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { certificateCreate, certificateFind } from "../../registry/certificate.ts";
import {
  decommissionCreate,
  decommissionLive,
  decommissionsDue,
  decommissionUpdate,
} from "../../registry/decommission.ts";
import type { Registry } from "../../registry/registry.ts";
import { keyIdOf } from "../../registry/signature.ts";
import { signingKeyList } from "../../registry/signingKey.ts";
import { tenantGet } from "../../registry/tenant.ts";
import {
  type TransitionAction,
  tenantDecommissionUndone,
  tenantDelete,
  tenantLegalHold,
  tenantTransitionComplete,
  tenantTransitionRequest,
} from "../../registry/tenantLifecycle.ts";
import { addTarget, addTenant, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const HOUR_MS = 3_600_000;
const digest = "0".repeat(64);

function archiveOf(
  { tenant, target }: Awaited<ReturnType<typeof addTarget>>,
  archiveId: string,
  retainUntil = "2030-01-01T00:00:00.000Z",
): ArchiveCreate {
  return {
    ...{ archiveId, tenantId: tenant.tenantId, targetId: target.targetId, planeName: target.planeName },
    ...{ bucket: "archive", prefix: `archives/${archiveId}/`, releaseNumber: null, retainUntil },
    manifest: { formatVersion: 1, database: null, objects: { count: 1, bytes: 2, digest } },
  };
}

const ids = ["0", "1", "2"].map((digit) => `01900000-0000-7000-8000-00000000000${digit}`);

describeDialects("archives", (create) => {
  it("are found by their target, newest first, and stay on record when deleted", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const facts = await addTarget(registry, "acme");
    for (const id of ids) {
      clock.advance(1_000);
      await registry.change(context, (change) => archiveCreate(change, archiveOf(facts, id)));
    }
    const { targetId, tenantId } = facts.target;
    expect((await registry.read((db) => archiveOfTarget(db, targetId)))?.archiveId).toBe(ids[2]);
    await registry.change(context, (change) =>
      archiveMark(change, ids[2] ?? "", "deleted", "no longer needed"),
    );
    expect((await registry.read((db) => archiveOfTarget(db, targetId)))?.archiveId).toBe(ids[1]);
    const first = await registry.read((db) => archiveList(db, tenantId, { limit: 2 }));
    expect(first.items.map(({ archiveId, state }) => [archiveId, state])).toEqual([
      [ids[2], "deleted"],
      [ids[1], "complete"],
    ]);
    const cursor = first.nextCursor ?? "";
    const rest = await registry.read((db) => archiveList(db, tenantId, { limit: 2, cursor }));
    expect(rest).toMatchObject({ items: [{ archiveId: ids[0] }], nextCursor: null });
  });

  it("are recorded once", async () => {
    const registry = await (await create()).open();
    const facts = await addTarget(registry, "acme");
    const record = () =>
      registry.change(context, (change) => archiveCreate(change, archiveOf(facts, ids[0] ?? "")));
    const archive = await record();
    expect(await record()).toEqual(archive);
  });

  it("expire when nobody needs them: restored or of a deleted tenant, and not held", async () => {
    const registry = await (await create()).open();
    const facts = await addTarget(registry, "acme");
    const { tenantId } = facts.tenant;
    const past = "2026-01-01T00:00:00.000Z";
    const [id = ""] = ids;
    await registry.change(context, (change) => archiveCreate(change, archiveOf(facts, id, past)));
    const expired = async (now = "2026-06-01T00:00:00.000Z") =>
      (await registry.read((db) => archivesExpired(db, now, 10))).map(({ archiveId }) => archiveId);
    expect(await expired()).toEqual([]);
    await registry.change(context, (change) => archiveMark(change, id, "restored", null));
    expect(await expired()).toEqual([id]);
    expect(await expired("2025-12-31T00:00:00.000Z")).toEqual([]);
    const hold = { reason: "case 1", placedBy: "key", placedAt: past };
    await registry.change(context, (change) => tenantLegalHold(change, tenantId, hold, "case 1"));
    expect(await expired()).toEqual([]);
    await registry.change(context, (change) => tenantLegalHold(change, tenantId, null, "closed"));
    await registry.change(context, (change) => archiveMark(change, id, "deleted", null));
    expect(await expired()).toEqual([]);
  });
});

describeDialects("a decommissioning", (create) => {
  it("falls due at the end of its grace period, unless held, undone or begun", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const { tenantId } = await addTenant(registry, "acme");
    const created = await registry.change(context, async (change) => {
      await change.audit({ action: "test", target: { type: "tenant", id: tenantId }, tenantId });
      const facts = { tenantId, statusBefore: "active", blockedTargets: ["a"], reason: "ended" } as const;
      return decommissionCreate(change, { ...facts, graceMs: HOUR_MS });
    });
    expect(created).toMatchObject({ state: "waiting", blockedTargets: ["a"], endedAt: null });
    const due = async () =>
      (await registry.read((db) => decommissionsDue(db, clock.now().toISOString(), 10))).length;
    expect(await due()).toBe(0);
    clock.advance(HOUR_MS);
    expect(await due()).toBe(1);
    const hold = { reason: "case 1", placedBy: "key", placedAt: clock.now().toISOString() };
    await registry.change(context, (change) => tenantLegalHold(change, tenantId, hold, "case 1"));
    expect(await due()).toBe(0);
    await registry.change(context, (change) => tenantLegalHold(change, tenantId, null, "closed"));
    expect(await due()).toBe(1);
    await registry.change(context, async (change) => {
      await change.audit({ action: "test", target: { type: "tenant", id: tenantId }, tenantId });
      await decommissionUpdate(change, created, { state: "undone" });
    });
    expect(await due()).toBe(0);
    expect(await registry.read((db) => decommissionLive(db, tenantId))).toBeUndefined();
  });

  it("is the only one of its tenant that has not ended", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    const begin = () =>
      registry.change(context, async (change) => {
        await change.audit({ action: "test", target: { type: "tenant", id: tenantId }, tenantId });
        const facts = { tenantId, statusBefore: "active", blockedTargets: [], reason: "ended" } as const;
        return decommissionCreate(change, { ...facts, graceMs: 0 });
      });
    await begin();
    await expect(begin()).rejects.toThrow();
  });
});

describeDialects("a deletion certificate", (create) => {
  it("is kept with its key, and neither can be changed afterwards", async () => {
    const database = await create();
    const registry = await database.open();
    const { tenantId, slug } = await addTenant(registry, "acme");
    const { publicKey } = generateKeyPairSync("ed25519");
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    const certificate: Certificate = {
      ...{ formatVersion: 1, certificateId: ids[0] ?? "", tenantId, slug, reason: "ended" },
      ...{
        requestedBy: "key",
        requestedAt: "2026-03-01T09:00:00.000Z",
        deletedAt: "2026-03-08T09:00:00.000Z",
      },
      ...{ targets: [], archives: [], kept: [] },
    };
    const signature = { keyId: keyIdOf(publicKey), publicKey: pem, value: "c2lnbmF0dXJl" };
    const issue = () =>
      registry.change(context, (change) =>
        certificateCreate(change, certificate, canonicalJson(certificate), signature),
      );
    await issue();
    expect(await registry.read((db) => certificateFind(db, tenantId))).toEqual({
      certificate,
      signature: { algorithm: "Ed25519", keyId: signature.keyId, value: signature.value },
    });
    const { items } = await registry.read((db) => signingKeyList(db, { limit: 10 }));
    expect(items).toMatchObject([{ keyId: signature.keyId, publicKey: pem }]);
    await expect(issue()).rejects.toThrow();
    for (const table of ["certificates", "signing_keys"]) {
      await expect(database.raw(`DELETE FROM ${table}`)).rejects.toThrow();
    }
    await expect(database.raw("UPDATE certificates SET body = '{}'")).rejects.toThrow();
  });
});

describeDialects("any way through the table", (create) => {
  it("keeps to it, request by request and completion by completion, and ends deleted once", async () => {
    const registry = await (await create()).open();
    const actions: readonly TransitionAction[] = [
      ...(["activate", "suspend", "reactivate", "archive", "restore", "decommission"] as const),
    ];
    let number = 0;
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...actions) },
      { weight: 2, arbitrary: fc.constantFrom("undo" as const, "finish" as const, "delete" as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 16 }), async (steps) => {
        number += 1;
        const { tenantId } = await addTenant(registry, `walk-${number}`);
        let model: TenantStatus = "draft";
        let before: TenantStatus = "draft";
        for (const one of steps) {
          const past: TenantStatus = model;
          model = await walk(registry, tenantId, one, { model, before });
          if (model === "decommissioning" && past !== model) before = past;
          const { status, deletedAt } = await registry.read((db) => tenantGet(db, tenantId));
          expect([one, status]).toEqual([one, model]);
          expect(deletedAt !== null).toBe(model === "deleted");
        }
      }),
      { numRuns: 15, seed: 20_260_301, endOnFailure: true },
    );
  });
});

interface Standing {
  readonly model: TenantStatus;
  readonly before: TenantStatus;
}

/** Does what is legal, sees what is not refused, and says where the tenant must be. */
async function walk(
  registry: Registry,
  tenantId: string,
  step: TransitionAction | "undo" | "finish" | "delete",
  { model, before }: Standing,
): Promise<TenantStatus> {
  const action = step === "undo" ? "undo_decommission" : step === "finish" ? "finish_decommission" : step;
  const to = nextStatus(model, action);
  const attempt = registry.change(context, async (change) => {
    if (step === "delete") return tenantDelete(change, tenantId, "because");
    if (step === "finish") {
      // Completing what nobody asked for is a fault of ours; only a decommissioning tenant is tried.
      return model === "decommissioning"
        ? tenantTransitionComplete(change, tenantId, "decommission")
        : undefined;
    }
    if (step === "undo") {
      const back = { reason: "because", toStart: false };
      return model === "decommissioning"
        ? tenantDecommissionUndone(change, tenantId, before, back)
        : undefined;
    }
    await tenantTransitionRequest(change, tenantId, step, { reason: "because" });
    if (step === "decommission" && model !== "draft") return undefined;
    return tenantTransitionComplete(change, tenantId, step);
  });
  if (to === undefined) {
    if (step === "finish" || step === "undo") await attempt;
    else await expect(attempt).rejects.toMatchObject({ code: "illegal_transition" });
    return model;
  }
  await attempt;
  return to === "before" ? before : to;
}
