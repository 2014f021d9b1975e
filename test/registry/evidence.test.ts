import { generateKeyPairSync } from "node:crypto";
import pino from "pino";
import { expect, it } from "vitest";
import type { AuditDecision } from "../../contract/audit.ts";
import type { EvidenceFile, EvidenceManifest } from "../../contract/evidence.ts";
import { decisionsWrite } from "../../registry/decisionLog.ts";
import { plansIn, policiesIn } from "../../registry/evidence.ts";
import { MANIFEST } from "../../registry/evidenceVerify.ts";
import { newId } from "../../registry/id.ts";
import { policyLoadRecord } from "../../registry/policy.ts";
import type { Registry } from "../../registry/registry.ts";
import { tenantUpdate } from "../../registry/tenant.ts";
import { takeCheckpoint } from "../../service/audit/checkpoint.ts";
import { type EvidenceRequest, evidenceEntries } from "../../service/audit/evidence.ts";
import type { Settings } from "../../service/config.ts";
import { createMetrics } from "../../service/metrics.ts";
import { signerOf } from "../../service/signing/signer.ts";
import { addTenant, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";
import { HOUR_MS } from "./usageFixtures.ts";

const signingKey = generateKeyPairSync("ed25519")
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();
const settings = { signingKey, dataDir: "" } as Settings;

/** More bytes than the few audit events can come to. */
const DECISIONS = 200;
const AMPLE = { records: 100_000, fileBytes: 10_000_000 };

describeDialects("an evidence pack", (create) => {
  it("is bounded by records and bytes, which end a file early and refuse audit events, and leaves others their turn", async () => {
    const registry = await (await create()).open();
    const tenant = await addTenant(registry, "acme");
    await registry.record((record) => decisionsWrite(record, decisionsOf(tenant.tenantId)));
    const request = {
      ...{ tenant, from: "2020-01-01T00:00:00.000Z", to: "2100-01-01T00:00:00.000Z" },
      ...{ createdAt: "2026-03-01T09:00:00.000Z", createdBy: "ada" },
    };
    const decisionsIn = async (bounds: EvidenceRequest["bounds"] = AMPLE) =>
      (await filesOf(registry, { ...request, bounds })).find(({ name }) => name === "decisions.ndjson");

    await expect(decisionsIn()).rejects.toMatchObject({ code: "audit_checkpoint_missing" });
    await checkpoint(registry);
    let hadTheirTurn = false;
    setImmediate(() => {
      hadTheirTurn = true;
    });
    const whole = await decisionsIn();
    expect(hadTheirTurn).toBe(true);
    expect(whole).toMatchObject({ records: DECISIONS, complete: true });
    const { bytes } = whole as EvidenceFile;
    expect(await decisionsIn({ records: DECISIONS, fileBytes: bytes })).toEqual(whole);
    expect(await decisionsIn({ ...AMPLE, records: DECISIONS - 1 })).toMatchObject({
      ...{ records: DECISIONS - 1, complete: false },
    });
    const cut = await decisionsIn({ ...AMPLE, fileBytes: bytes - 1 });
    expect(cut).toMatchObject({ records: DECISIONS - 1, complete: false });
    expect(cut?.bytes).toBeLessThan(bytes);

    for (const [bounds, why] of [
      [{ ...AMPLE, records: 100 }, "Cannot prove 1 events in one answer: it must be at most 0."],
      [{ ...AMPLE, fileBytes: 500 }, "bytes of events in one answer: it must be at most 500."],
    ] as const)
      await expect(decisionsIn(bounds)).rejects.toMatchObject({
        ...{ code: "audit_too_large", message: expect.stringContaining(why) },
      });
  });
});

describeDialects("an evidence pack's policies and plans", (create) => {
  it("are those in force in the period, the ones it began with too, and none from after it", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const tenant = await addTenant(registry, "acme");
    const load = (version: string) =>
      registry.change(context, (change) =>
        policyLoadRecord(change, {
          version,
          source: "policies",
          files: [{ name: "a.cedar", text: version }],
        }),
      );
    const bind = (plan: string) =>
      registry.change(context, (change) => tenantUpdate(change, tenant.tenantId, { plan }));
    const times: string[] = [];
    for (const [version, plan] of [
      ["one", "starter"],
      ["two", "business"],
      ["three", "enterprise"],
      ["four", "starter"],
    ] as const) {
      clock.advance(HOUR_MS);
      times.push(clock.now().toISOString());
      await load(version);
      await bind(plan);
    }
    const [, second = "", , fourth = ""] = times;
    const within = { from: new Date(Date.parse(second) + 60_000).toISOString(), to: fourth };
    const found = await registry.read(async (db) => ({
      policies: await collected(policiesIn(db, within)),
      plans: await collected(plansIn(db, tenant, within)),
    }));
    expect(found.policies).toEqual([
      {
        ...{ version: "three", source: "policies", loadedAt: times[2] },
        files: [{ name: "a.cedar", text: "three" }],
      },
      {
        ...{ version: "two", source: "policies", loadedAt: second },
        files: [{ name: "a.cedar", text: "two" }],
      },
    ]);
    expect(
      found.plans.map(({ plan, version, services }) => [plan, version, Object.keys(services).length]),
    ).toEqual([
      ["starter", 1, 5],
      ["enterprise", 1, 5],
      ["business", 1, 5],
    ]);
  });
});

async function collected<T>(records: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const record of records) all.push(record);
  return all;
}

function decisionsOf(tenantId: string): AuditDecision[] {
  return Array.from({ length: DECISIONS }, (_, at) => ({
    decisionId: newId(),
    decidedAt: `2026-02-01T00:00:00.${String(at).padStart(3, "0")}Z`,
    ...{ action: "tenantGet", tenantId, requestId: "request-1", correlationId: "correlation-1" },
    principal: { id: "key-of-ada", name: "ada" },
    ...{ role: "auditor", policies: [] },
  }));
}

function checkpoint(registry: Registry) {
  const service = { registry, settings, metrics: createMetrics(), log: pino({ level: "silent" }) };
  return takeCheckpoint(service, (work) => registry.change(context, work), { always: true });
}

async function filesOf(registry: Registry, request: EvidenceRequest): Promise<readonly EvidenceFile[]> {
  return registry.read(async (db) => {
    const texts = new Map<string, string>();
    for await (const { name, content } of evidenceEntries(db, request, signerOf(settings))) {
      let text = "";
      for await (const piece of content) text += piece;
      texts.set(name, text);
    }
    const manifest = JSON.parse(texts.get(MANIFEST) ?? "{}") as EvidenceManifest;
    for (const { name, bytes } of manifest.files)
      expect([name, Buffer.byteLength(texts.get(name) ?? "")]).toEqual([name, bytes]);
    return manifest.files;
  });
}
