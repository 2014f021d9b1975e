import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { EntitlementBundle } from "../../contract/entitlement.ts";
import type { Refusal } from "../../examples/entitlements/bundle.ts";
import {
  createEntitlementReader,
  type EntitlementReader,
  type EntitlementReaderOptions,
} from "../../examples/entitlements/reader.ts";
import { bundleOf, issuedMs, newSigner, signer, tenantId } from "./bundles.ts";

/** The reader against a door that says whatever a test wants it to say. */
interface Asked {
  readonly etag: string | undefined;
  readonly waitMs: string | null;
}

let server: Server;
let url = "";
let asked: Asked[] = [];
let answers: (() => { status: number; body?: unknown })[] = [];
let readers: EntitlementReader[] = [];
const folder = mkdtempSync(path.join(tmpdir(), "tenantry-reader-"));

beforeAll(async () => {
  server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://x");
    asked.push({ etag: request.headers["if-none-match"], waitMs: searchParams.get("waitMs") });
    const { status, body } = (answers.length > 1 ? answers.shift() : answers[0])?.() ?? { status: 503 };
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body === undefined ? "" : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  for (const reader of readers) reader.stop();
  [asked, answers, readers] = [[], [], []];
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const says = (bundle: EntitlementBundle) => () => ({ status: 200, body: bundle });

function read(more: Partial<EntitlementReaderOptions> = {}) {
  const refusals: Refusal[] = [];
  let nowMs = issuedMs;
  const reader = createEntitlementReader({
    ...{ url, apiKey: "tk_test", tenantId, keys: [signer.publicKey], now: () => nowMs, backoffMs: 5 },
    onRefused: (refusal) => refusals.push(refusal),
    ...more,
  });
  readers.push(reader);
  const advance = (ms: number) => {
    nowMs += ms;
  };
  return { reader, refusals, advance };
}

it("allows nothing before there was a bundle, and what it says from then on", async () => {
  const { reader, refusals } = read();
  expect([reader.isEnabled("audit-export"), reader.isEnabled("single-sign-on"), reader.stale]).toEqual([
    ...[false, false, true],
  ]);
  answers = [says(bundleOf())];
  expect(await reader.refresh()).toBe(true);
  expect([reader.isEnabled("audit-export"), reader.isEnabled("single-sign-on"), reader.stale]).toEqual([
    ...[true, false, false],
  ]);
  expect(refusals).toEqual([]);
});

it("keeps the last good bundle whatever else comes", async () => {
  const { reader, refusals } = read();
  answers = [says(bundleOf({ version: 3 }))];
  await reader.refresh();
  const bad = [
    says(bundleOf({ version: 4, signer: newSigner() })),
    says({ ...bundleOf({ version: 4 }), version: 5 }),
    says(bundleOf({ version: 4, tenantId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11" })),
    says(bundleOf({ version: 4, issuedAt: "2026-03-01T10:00:00.000Z" })),
    says(bundleOf({ version: 2 })),
    says(bundleOf({ version: 3, entries: {} })),
    () => ({ status: 200, body: { hello: "world" } }),
    () => ({ status: 500, body: { code: "internal" } }),
  ];
  for (const answer of bad) {
    answers = [answer];
    expect(await reader.refresh()).toBe(false);
    expect(reader.bundle?.version).toBe(3);
    expect(reader.isEnabled("audit-export")).toBe(true);
  }
  expect(refusals).toEqual([
    ...["unknown_key", "forged", "other_tenant", "from_the_future", "older", "contradiction", "malformed"],
  ]);
});

it("goes by what was declared once nothing has been heard for too long, and a 304 or a replay is nothing", async () => {
  const { reader, advance } = read();
  answers = [says(bundleOf())];
  await reader.refresh();
  advance(900_001);
  expect(reader.stale).toBe(true);
  expect([reader.isEnabled("audit-export"), reader.isEnabled("single-sign-on")]).toEqual([false, true]);
  // Too old to be asked about by its tag, so an intermediary's 304 cannot keep it alive.
  answers = [() => ({ status: 304 })];
  expect(await reader.refresh(1_000)).toBe(false);
  expect(asked.at(-1)).toEqual({ etag: undefined, waitMs: null });
  answers = [says(bundleOf())];
  await reader.refresh();
  expect(reader.stale).toBe(true);
  answers = [says(bundleOf({ issuedAt: new Date(issuedMs + 900_001).toISOString() }))];
  await reader.refresh();
  expect([reader.stale, reader.isEnabled("audit-export")]).toEqual([false, true]);
});

it("asks by tag and waits while it is young, and asks for it whole before it gets stale", async () => {
  const { reader, advance } = read();
  answers = [says(bundleOf({ version: 7 }))];
  await reader.refresh(1_000);
  await reader.refresh(1_000);
  advance(300_001);
  await reader.refresh(1_000);
  expect(asked).toEqual([
    { etag: undefined, waitMs: null },
    { etag: 'W/"7"', waitMs: "1000" },
    { etag: undefined, waitMs: null },
  ]);
});

it("never takes an older issue of what it has", async () => {
  const { reader } = read();
  const later = "2026-03-01T09:00:20.000Z";
  answers = [says(bundleOf({ issuedAt: later })), says(bundleOf())];
  await reader.refresh();
  await reader.refresh();
  expect(reader.bundle?.issuedAt).toBe(later);
});

it("goes on from its file after a restart while the control plane is away, and not from one somebody has written", async () => {
  const file = path.join(folder, "bundle.json");
  const first = read({ file });
  answers = [says(bundleOf({ version: 9 }))];
  await first.reader.refresh();
  answers = [() => ({ status: 503 })];
  const second = read({ file });
  expect(await second.reader.refresh()).toBe(false);
  expect([second.reader.bundle?.version, second.reader.isEnabled("audit-export")]).toEqual([9, true]);
  // What it had when it stopped still bounds what it takes.
  answers = [says(bundleOf({ version: 8 }))];
  expect(await second.reader.refresh()).toBe(false);
  expect(second.refusals).toEqual(["older"]);

  const forged = JSON.parse(readFileSync(file, "utf8")) as EntitlementBundle;
  writeFileSync(file, JSON.stringify({ ...forged, version: 10 }));
  const third = read({ file });
  expect([third.reader.bundle, third.refusals]).toEqual([undefined, ["forged"]]);
});

it("allows nothing once the tenant is deleted, also after a restart, until there is a newer bundle", async () => {
  const file = path.join(folder, "of-a-deleted-tenant.json");
  let told = 0;
  const { reader, advance } = read({ file, onGone: () => (told += 1) });
  answers = [says(bundleOf({ version: 5 }))];
  await reader.refresh();
  // Only what says so is taken for it.
  for (const code of ["tenant_not_found", undefined]) {
    answers = [() => ({ status: code === undefined ? 410 : 404, body: { code } })];
    expect(await reader.refresh()).toBe(false);
    expect([reader.gone, reader.isEnabled("audit-export")]).toEqual([false, true]);
  }
  answers = [() => ({ status: 410, body: { code: "tenant_deleted" } })];
  for (let time = 0; time < 2; time += 1) expect(await reader.refresh()).toBe(false);
  expect([told, reader.gone, reader.isEnabled("audit-export")]).toEqual([1, true, false]);
  advance(900_001);
  // Declared open, which is for who cannot be asked about.
  expect(reader.isEnabled("single-sign-on")).toBe(false);

  answers = [() => ({ status: 503 })];
  const restarted = read({ file });
  await restarted.reader.refresh();
  expect([restarted.reader.bundle, restarted.reader.isEnabled("audit-export")]).toEqual([undefined, false]);

  answers = [says(bundleOf({ version: 5 })), () => ({ status: 304 })];
  await reader.refresh();
  await reader.refresh(1_000);
  expect(reader.gone).toBe(true);
  answers = [says(bundleOf({ version: 6, issuedAt: new Date(issuedMs + 900_001).toISOString() }))];
  expect(await reader.refresh()).toBe(true);
  expect([reader.gone, reader.isEnabled("audit-export")]).toEqual([false, true]);
});

it("takes a change, and says so, though its file cannot be written", async () => {
  const [seen, failures]: [number[], unknown[]] = [[], []];
  const { reader } = read({
    file: path.join(folder, "no such folder", "bundle.json"),
    onChange: ({ version }) => seen.push(version),
    onFileError: (thrown) => failures.push(thrown),
  });
  answers = [says(bundleOf({ version: 9 }))];
  expect(await reader.refresh()).toBe(true);
  expect([seen, reader.isEnabled("audit-export")]).toEqual([[9], true]);
  expect(failures).toMatchObject([{ code: "ENOENT" }]);
});

it("follows: takes each version as it comes, and comes back after failures", async () => {
  const seen: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const { reader } = read({
    onChange: ({ version }) => {
      seen.push(version);
      if (version === 3) resolve();
    },
  });
  answers = [
    says(bundleOf()),
    () => ({ status: 503 }),
    () => ({ status: 200, body: "nonsense" }),
    says(bundleOf({ version: 2 })),
    () => ({ status: 304 }),
    says(bundleOf({ version: 3 })),
    () => ({ status: 304 }),
  ];
  const following = reader.follow();
  await promise;
  reader.stop();
  await following;
  expect(seen).toEqual([1, 2, 3]);
});
