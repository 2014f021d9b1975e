import { generateKeyPairSync } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { auditVerify } from "../../registry/audit.ts";
import type { Head } from "../../registry/auditCheckpoint.ts";
import {
  checkpointGet,
  checkpointList,
  checkpointsToAnchor,
  hashesNow,
  headsOf,
} from "../../registry/auditCheckpointStore.ts";
import { auditExport, auditProof, type Exported } from "../../registry/auditExport.ts";
import { auditVerifyOffline } from "../../registry/auditFile.ts";
import { readCheckpoint } from "../../registry/auditKept.ts";
import { type LinesOptions, LinesVerifier } from "../../registry/auditLines.ts";
import { auditEventList } from "../../registry/auditSearch.ts";
import type { Registry } from "../../registry/registry.ts";
import { signingKeyList } from "../../registry/signingKey.ts";
import { tenantUpdate } from "../../registry/tenant.ts";
import { tenantLegalHold } from "../../registry/tenantLifecycle.ts";
import { anchorCheckpoints, anchorName } from "../../service/audit/anchor.ts";
import { AnchorConflict, anchorStore } from "../../service/audit/anchorStore.ts";
import { takeCheckpoint } from "../../service/audit/checkpoint.ts";
import { purgeAuditBefore } from "../../service/audit/purge.ts";
import type { Settings } from "../../service/config.ts";
import { createMetrics } from "../../service/metrics.ts";
import { addPlane, addTenant, context, settableClock } from "./fixtures.ts";
import { describeDialects, type TestDatabase } from "./support.ts";

const DAY_MS = 86_400_000;
const signingKey = generateKeyPairSync("ed25519")
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();

let folder = "";
const servers: Server[] = [];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "tenantry-anchor-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  for (const server of servers.splice(0)) server.close();
});

describeDialects("checkpoints of the audit trail", (create) => {
  it("sign the heads of all chains, each with the one before it", async () => {
    const { registry } = await world(await create());
    const first = await checkpoint(registry);
    expect(first.statement).toMatchObject({ number: 1, previous: null, chains: 3 });
    const second = await checkpoint(registry);
    expect(second.statement).toMatchObject({ number: 2, previous: { number: 1, digest: first.digest } });
    const { items, nextCursor } = await registry.read((db) => checkpointList(db, { limit: 1 }));
    expect(items).toEqual([second]);
    const rest = await registry.read((db) => checkpointList(db, { limit: 1, cursor: nextCursor ?? "" }));
    expect(rest.items).toEqual([first]);
    const events = await registry.read((db) =>
      auditEventList(db, { limit: 9, action: "audit.checkpointed" }),
    );
    expect(events.items.map(({ details }) => details.digest)).toEqual([second.digest, first.digest]);
  });

  it("are taken by themselves only when something has happened", async () => {
    const { registry, acme } = await world(await create());
    expect(await byItself(registry)).toMatchObject({ statement: { number: 1 } });
    expect(await byItself(registry)).toBeUndefined();
    await edit(registry, acme, "other");
    expect(await byItself(registry)).toMatchObject({ statement: { number: 2 } });
  });

  it("look for the events of many heads at once, and miss none", async () => {
    const { registry } = await world(await create());
    const real: Head[] = [];
    await registry.read(async (db) => {
      for await (const page of headsOf(db)) real.push(...page);
    });
    const gone = Array.from({ length: 450 }, (_, at) => ({ chain: `gone-${at}`, sequence: 1, hash: "0" }));
    const asked = [...gone.slice(0, 250), ...real, ...gone.slice(250)];
    const found = await registry.read(async (db) => {
      const all = [];
      for await (const one of hashesNow(db, asked)) all.push(one);
      return all;
    });
    const isReal = new Set(real.map(({ chain }) => chain));
    expect(isReal.size).toBe(3);
    expect(found).toEqual(asked.map((head) => [head, isReal.has(head.chain) ? head.hash : undefined]));
  });

  it("find what was cut off or written anew since, in the registry and in its export", async () => {
    const database = await create();
    const { registry, acme } = await world(database);
    const taken = await checkpoint(registry);
    const kept = readCheckpoint(await exportOf(registry, taken.statement.number));
    const against = { checkpoints: [kept], keys: kept.keys };
    await edit(registry, acme, "later");
    expect(await verifyExport(registry, against)).toMatchObject({ verified: true, checkpoints: [1] });
    expect(await auditVerifyOffline(placeOf(database), against)).toMatchObject({ verified: true });

    // As somebody would who may write everything: the end goes, and the head is set to what is left.
    await database.tamper(
      `delete from audit_events where chain = '${acme}' and sequence > 2`,
      `update audit_heads set sequence = 2, hash = (select hash from audit_events where chain = '${acme}' and sequence = 2)
       where chain = '${acme}'`,
    );
    expect(await registry.read((db) => auditVerify(db))).toMatchObject({ verified: true });
    const cut = { chain: acme, kind: "truncated", sequence: 3 };
    expect((await verifyExport(registry, against)).breaks).toEqual([expect.objectContaining(cut)]);
    expect((await auditVerifyOffline(placeOf(database), against)).breaks).toEqual([
      expect.objectContaining(cut),
    ]);

    // And the chain goes on, so that it is as long as it was.
    for (const name of ["x", "y", "z"]) await edit(registry, acme, name);
    expect(await registry.read((db) => auditVerify(db))).toMatchObject({ verified: true });
    const anew = { chain: acme, kind: "rewritten", sequence: 4 };
    expect((await verifyExport(registry, against)).breaks).toEqual([expect.objectContaining(anew)]);
    await expect(checkpoint(registry)).rejects.toMatchObject({ code: "audit_broken" });
  });

  it("are written outside, once each, and again later where that failed", async () => {
    const { registry } = await world(await create());
    await checkpoint(registry);
    await checkpoint(registry);
    const metrics = createMetrics();
    const store = anchorStore(path.join(folder, "kept"), { cloud: undefined as never });
    const failing = { place: store.place, put: () => Promise.reject(new Error("no room")) };
    const service = { registry, log: pino({ level: "silent" }), metrics };
    await anchorCheckpoints(service, failing);
    expect((await registry.read((db) => checkpointGet(db, 1))).anchors).toEqual([]);
    await anchorCheckpoints(service, store);
    const names = ["audit-checkpoint-000000001.ndjson", "audit-checkpoint-000000002.ndjson"];
    expect(readdirSync(path.join(folder, "kept")).sort()).toEqual(names);
    expect((await registry.read((db) => checkpointGet(db, 2))).anchors).toMatchObject([
      { place: store.place },
    ]);
    expect(await registry.read((db) => checkpointsToAnchor(db, store.place))).toEqual([]);
    const [name = ""] = names;
    const kept = readCheckpoint(readFileSync(path.join(folder, "kept", name), "utf8"));
    expect(await verifyExport(registry, { checkpoints: [kept] })).toMatchObject({ verified: true });
  });

  it("are left alone where something else lies in their place, which is told once and stops no other", async () => {
    const { registry } = await world(await create());
    const store = anchorStore(folder, { cloud: undefined as never });
    const service = serviceOf(registry);
    writeFileSync(path.join(folder, anchorName(1)), "another");
    await checkpoint(registry);
    await checkpoint(registry);
    for (const _again of [1, 2]) await anchorCheckpoints(service, store);
    expect(readFileSync(path.join(folder, anchorName(1)), "utf8")).toBe("another");
    expect(await registry.read((db) => checkpointsToAnchor(db, store.place))).toEqual([1]);
    const action = "security.audit_anchor_conflict";
    const { items } = await registry.read((db) => auditEventList(db, { limit: 9, action }));
    expect(items).toMatchObject([
      { target: { id: "1" }, outcome: "failed", details: { number: 1, place: folder } },
    ]);
    const { values } = await service.metrics.securityEvents.get();
    expect(values).toMatchObject([{ labels: { kind: "audit_anchor_conflict" }, value: 2 }]);
    const other = path.join(folder, "elsewhere");
    mkdirSync(other);
    writeFileSync(path.join(other, anchorName(1)), "a third");
    await anchorCheckpoints(service, anchorStore(other, { cloud: undefined as never }));
    const all = await registry.read((db) => auditEventList(db, { limit: 9, action }));
    expect(all.items.map(({ details }) => details.place).sort()).toEqual([folder, other].sort());
  });

  it("that were written before a crash could note it, or are half written, are told from another's", async () => {
    const store = anchorStore(folder, { cloud: undefined as never });
    const file = path.join(folder, "one");
    for (const _again of [1, 2]) await store.put("one", "first\nsecond\n");
    writeFileSync(file, "first\nsec");
    await expect(store.put("one", "first\nsecond\n")).rejects.toThrow(/half written/);
    for (const other of ["first\nsecond\nthird\n", "first\nSecond\n", "first\nsec", ""]) {
      writeFileSync(file, other);
      // Whoever was writing it would have ended long ago.
      utimesSync(file, 0, 0);
      await expect(store.put("one", "first\nsecond\n")).rejects.toThrow(AnchorConflict);
      expect(readFileSync(file, "utf8")).toBe(other);
    }
  });

  it("prove where a chain stands in which nothing has happened since, or nothing signed", async () => {
    const { registry, acme } = await world(await create());
    await checkpoint(registry);
    const { items: keys } = await registry.read((db) => signingKeyList(db, { limit: 5 }));
    for (const unsigned of [0, 1]) {
      if (unsigned > 0) await edit(registry, acme, "not signed yet");
      const lines = await proof(registry, acme, "2099-01-01T00:00:00.000Z");
      expect(verified(lines, { keys })).toMatchObject({ verified: true, events: 0, checkpoints: [1] });
      const moved = lines.map((line) =>
        "line" in line && line.line === "segment" ? { ...line, hash: "0".repeat(64) } : line,
      );
      expect(verified(moved, { keys }).verified).toBe(false);
    }
  });

  it("prove one tenant's chain without showing another's", async () => {
    const { registry, acme, bolt } = await world(await create());
    await expect(proof(registry, acme)).rejects.toMatchObject({ code: "audit_checkpoint_missing" });
    await checkpoint(registry);
    await edit(registry, acme, "not signed yet");
    const lines = await proof(registry, acme);
    expect(JSON.stringify(lines)).not.toContain(bolt);
    const { items: keys } = await registry.read((db) => signingKeyList(db, { limit: 5 }));
    expect(verified(lines, { keys })).toMatchObject({ verified: true, events: 4, checkpoints: [1] });
    expect(verified(lines.slice(0, -1), { keys }).verified).toBe(false);
    const events = lines.filter((line) => !("line" in line));
    expect(verified([...lines.slice(0, 4), ...events.slice(1)], { keys }).verified).toBe(false);
  });
});

describeDialects("the retention of the audit trail", (create) => {
  it("ends the beginnings of chains, and what is left verifies from a signed start on", async () => {
    const clock = settableClock();
    const database = await create();
    const { registry, acme, bolt } = await world(database, clock);
    clock.advance(10 * DAY_MS);
    await edit(registry, acme, "young");
    const cutoff = new Date(clock.now().getTime() - DAY_MS).toISOString();
    expect(await purge(registry, cutoff)).toBe(0);
    const taken = await checkpoint(registry);
    const kept = readCheckpoint(await exportOf(registry, taken.statement.number));
    // Four of acme's, and of bolt's and the fleet's all but the last.
    expect(await purge(registry, cutoff)).toBe(5);
    expect(await purge(registry, cutoff)).toBe(0);
    expect(await registry.read((db) => auditVerify(db))).toMatchObject({ verified: true });
    const { items } = await registry.read((db) => auditEventList(db, { limit: 20, chain: acme }));
    expect(items.map(({ sequence, action }) => [sequence, action])).toEqual([
      [5, "tenant.updated"],
      [6, "audit.purged"],
    ]);
    expect(items[1]?.details).toMatchObject({ through: 4, events: 4, checkpoint: 1 });
    const against = { checkpoints: [kept], keys: kept.keys };
    expect(await verifyExport(registry, against)).toMatchObject({ verified: true });
    expect(await auditVerifyOffline(placeOf(database), against)).toMatchObject({ verified: true });
    expect((await registry.read((db) => auditEventList(db, { limit: 9, chain: bolt }))).items).toHaveLength(
      1,
    );
    await checkpoint(registry);
    expect(verified(await proof(registry, acme), { keys: kept.keys }).verified).toBe(true);
  });

  it("keeps everything of a tenant with a legal hold, and everything that is broken", async () => {
    const clock = settableClock();
    const database = await create();
    const { registry, acme, bolt } = await world(database, clock);
    const hold = { reason: "a lawsuit", placedBy: "ann", placedAt: clock.now().toISOString() };
    await registry.change(context, (change) =>
      tenantLegalHold(change, acme, hold, "tenant.legal_hold_placed"),
    );
    for (const name of ["x", "y"]) await edit(registry, bolt, name);
    await checkpoint(registry);
    await database.tamper(`update audit_events set reason = 'x' where chain = '${bolt}' and sequence = 1`);
    clock.advance(10 * DAY_MS);
    const count = async (chain: string) =>
      (await registry.read((db) => auditEventList(db, { limit: 20, chain }))).items.length;
    const before = [await count(acme), await count(bolt)];
    await purge(registry, clock.now().toISOString());
    expect([await count(acme), await count(bolt)]).toEqual(before);
  });

  it("is held by the database: no event goes that no start covers, and no start goes back", async () => {
    const clock = settableClock();
    const database = await create();
    const { registry, acme } = await world(database, clock);
    const removal = `delete from audit_events where chain = '${acme}' and sequence = 1`;
    await expect(database.raw(removal)).rejects.toThrow(/append-only/);
    await checkpoint(registry);
    clock.advance(10 * DAY_MS);
    await purge(registry, clock.now().toISOString());
    await expect(database.raw(`delete from audit_events where chain = '${acme}'`)).rejects.toThrow(
      /append-only/,
    );
    await expect(database.raw("update audit_starts set sequence = 1")).rejects.toThrow(/forward only/);
    await expect(database.raw("delete from audit_starts")).rejects.toThrow(/keeps its rows/);
  });

  it.each([
    ["a start that was moved on", "update audit_starts set sequence = 4, hash = 'x'", "missing"],
    [
      "a start whose statement was changed",
      "update audit_starts set body = replace(body, '\"sequence\":3', '\"sequence\":4')",
      "start_invalid",
    ],
    ["a start that is gone", "delete from audit_starts", "missing"],
  ])("shows %s", async (_what, statement, kind) => {
    const clock = settableClock();
    const database = await create();
    const { registry } = await world(database, clock);
    await checkpoint(registry);
    clock.advance(10 * DAY_MS);
    await purge(registry, clock.now().toISOString());
    await database.tamper(
      ...(statement.startsWith("update audit_starts set sequence")
        ? ["delete from audit_events where sequence = 4", statement]
        : [statement]),
    );
    const { breaks } = await registry.read((db) => auditVerify(db));
    expect(breaks.map((one) => one.kind)).toContain(kind);
  });
});

it("is anchored at an address that takes PUT, which is told the password and nobody else", async () => {
  const asked: { method: string; url: string; authorization: string; match: string; body: string }[] = [];
  const answers = [
    [201],
    [412],
    [200, "text"],
    [412],
    [200, "other"],
    [412],
    [405],
    [412],
    [502],
    [500],
  ] as const;
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += String(part);
    });
    request.on("end", () => {
      const { authorization = "", "if-none-match": match = "" } = request.headers;
      const { method = "", url = "" } = request;
      const [status, text = ""] = answers[asked.length] ?? [599];
      asked.push({ method, url, authorization, match, body });
      response.statusCode = status;
      response.end(text);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const store = anchorStore(`http://ann:s%40fe@127.0.0.1:${port}/kept`, { cloud: undefined as never });
  expect(store.place).toBe(`http://127.0.0.1:${port}/kept/`);
  const put = () => store.put("one", "text");
  await put();
  await put();
  await expect(put()).rejects.toThrow(AnchorConflict);
  // Whoever may only write cannot be told what is there.
  await put();
  await expect(put()).rejects.toThrow("502");
  await expect(put()).rejects.toThrow("500");
  const authorization = `Basic ${Buffer.from("ann:s@fe").toString("base64")}`;
  const [first, , read] = asked;
  expect(first).toEqual({ method: "PUT", url: "/kept/one", authorization, match: "*", body: "text" });
  expect(read).toEqual({ method: "GET", url: "/kept/one", authorization, match: "", body: "" });
});

/** Three chains: of acme four events, of bolt one, of the fleet one. */
async function world(database: TestDatabase, clock = settableClock()) {
  const registry = await database.open({ now: clock.now });
  await addPlane(registry);
  const acme = await addTenant(registry, "acme");
  const bolt = await addTenant(registry, "bolt");
  for (const name of ["b", "c", "d"]) await edit(registry, acme.tenantId, name);
  return { registry, acme: acme.tenantId, bolt: bolt.tenantId };
}

function edit(registry: Registry, tenantId: string, displayName: string) {
  return registry.change(context, (change) => tenantUpdate(change, tenantId, { displayName }));
}

function serviceOf(registry: Registry) {
  const settings = { signingKey, dataDir: folder } as Settings;
  return { registry, settings, metrics: createMetrics(), log: pino({ level: "silent" }) };
}

async function checkpoint(registry: Registry) {
  const changing = (work: Parameters<typeof registry.change>[1]) => registry.change(context, work);
  const taken = await takeCheckpoint(serviceOf(registry), changing as never, { always: true });
  if (taken === undefined) throw new Error("no checkpoint was taken");
  return registry.read((db) => checkpointGet(db, taken.statement.number));
}

function byItself(registry: Registry) {
  return takeCheckpoint(serviceOf(registry), (work) => registry.change(context, work), { always: false });
}

function purge(registry: Registry, cutoff: string) {
  return purgeAuditBefore(serviceOf(registry), context, { cutoff, keepDays: 1 });
}

/** As the anchor gets it. */
async function exportOf(registry: Registry, number: number): Promise<string> {
  const texts = new Map<string, string>();
  const put = async (name: string, text: string) => void texts.set(name, text);
  await anchorCheckpoints(serviceOf(registry), { place: `memory-${number}`, put });
  return texts.get(anchorName(number)) ?? "";
}

async function proof(registry: Registry, chain: string, from?: string): Promise<Exported[]> {
  const options = { limit: 100, from, exportedAt: "2026-03-01T09:00:00.000Z" };
  return collect((await registry.read((db) => auditProof(db, chain, options))).lines);
}

async function collect(lines: AsyncIterable<Exported>): Promise<Exported[]> {
  const all: Exported[] = [];
  for await (const line of lines) all.push(line);
  return JSON.parse(JSON.stringify(all)) as Exported[];
}

function verified(lines: readonly Exported[], options: LinesOptions) {
  const verifier = new LinesVerifier(options);
  for (const line of lines) verifier.add(line);
  return verifier.end();
}

/** In answers of three events each, put one after the other. */
async function verifyExport(registry: Registry, options: LinesOptions) {
  const all: Exported[] = [];
  let cursor: string | undefined;
  do {
    const request = { chain: "all", limit: 3, cursor };
    const lines = await registry.read((db) => collect(auditExport(db, request, "2026-03-01T09:00:00.000Z")));
    const last = lines.at(-1);
    cursor = last !== undefined && "line" in last && last.line === "next" ? last.cursor : undefined;
    all.push(...lines);
  } while (cursor !== undefined);
  return verified(all, options);
}

function placeOf({ location }: TestDatabase): string {
  return "url" in location ? location.url : location.file;
}
