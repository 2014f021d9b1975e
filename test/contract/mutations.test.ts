import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Route } from "../../contract/route.ts";
import { routes } from "../../contract/routes.ts";
import { DEFAULT_POLICIES } from "../../service/policy/keeper.ts";
import { controlPlane, dump, startTestService, type TestService, waitFor } from "../service/harness.ts";
import { type Furnished, furnish, mutations } from "./furnished.ts";

/** What holds for every mutation there is, so that a new one cannot be forgotten: each is sent as the document shows it. */
const folder = mkdtempSync(path.join(tmpdir(), "tenantry-policies-"));
cpSync(DEFAULT_POLICIES, folder, { recursive: true });
const table = routes as Readonly<Record<string, Route>>;

let service: TestService;
let furnished: Furnished;
beforeAll(async () => {
  const quiet = ["--reconcile", "off", "--decommission-grace-ms", "3600000", "--domain-look-ms", "3600000"];
  service = await startTestService(["--policies", folder, "--policies-poll-ms", "50", ...quiet]);
  furnished = await furnish(service);
}, 60_000);
afterAll(async () => {
  await service.stop();
  rmSync(folder, { recursive: true });
});

const STALE = { "if-match": '"77"' };

describe("a version that was read", () => {
  const taking = mutations.filter(({ operationId }) => table[operationId]?.ifMatch !== undefined);
  const others = mutations.filter(({ operationId }) => table[operationId]?.ifMatch === undefined);

  it("is held against what is there by every operation that says so", async () => {
    const before = await dump(service);
    const answers: Record<string, string> = {};
    for (const operation of taking) {
      const { status, body } = await furnished.send(operation, STALE);
      answers[operation.operationId] = `${status} ${body.code}`;
    }
    const wanted = taking.map(({ operationId }) => [operationId, "412 version_conflict"]);
    expect(taking.length).toBeGreaterThan(30);
    expect(answers).toEqual(Object.fromEntries(wanted));
    expect(await dump(service)).toBe(before);
  });

  it("is refused, never passed over, by every other", async () => {
    const before = await dump(service);
    const answers: Record<string, string> = {};
    for (const operation of others) {
      const { status, body } = await furnished.send(operation, STALE);
      answers[operation.operationId] = `${status} ${body.errors?.[0]?.path}`;
    }
    expect(others.map(({ operationId }) => operationId)).toEqual(
      expect.arrayContaining(["planApply", "manifestApply", "tenantCreate"]),
    );
    const wanted = others.map(({ operationId }) => [operationId, "422 header.if-match"]);
    expect(answers).toEqual(Object.fromEntries(wanted));
    expect(await dump(service)).toBe(before);
  });
});

describe("a policy that forbids every change", () => {
  beforeAll(async () => {
    const { version } = (await service.call("GET", `${controlPlane}/policy`)).body;
    writeFileSync(
      path.join(folder, "own.cedar"),
      `@id("nothing-moves") @reason("Nothing may be changed.")
       forbid (principal, action in Tenantry::Action::"mutate", resource);`,
    );
    await waitFor("the new policy", async () => {
      const now = (await service.call("GET", `${controlPlane}/policy`)).body;
      return now.version !== version && now.problem === null ? now : undefined;
    });
  });

  it("is asked by each of them, and nothing is changed", async () => {
    const before = await withoutTrail();
    const answers: Record<string, string> = {};
    for (const operation of mutations) {
      const { status, body } = await furnished.send(operation);
      const policies = (body.reasons ?? []).map(({ policyId }: { policyId: string }) => policyId);
      answers[operation.operationId] = `${status} ${body.code} ${policies}`;
    }
    const wanted = mutations.map(({ operationId }) => [operationId, "403 policy_denied nothing-moves"]);
    expect(mutations.length).toBeGreaterThan(80);
    expect(answers).toEqual(Object.fromEntries(wanted));
    expect(await withoutTrail()).toEqual(before);
  });

  it("leaves an event of each denial", async () => {
    const told = new Set<string>();
    for (let cursor: string | null = ""; cursor !== null; ) {
      const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const at = `${controlPlane}/audit/events?action=access.denied&limit=100${query}`;
      const { body } = await service.call("GET", at);
      for (const { details } of body.items) told.add(details.action);
      cursor = body.nextCursor;
    }
    expect([...told].sort()).toEqual(mutations.map(({ operationId }) => operationId).sort());
  });
});

/** What a denial itself writes. */
const TRAIL = new Set(["auditEvents", "auditHeads", "auditReasonWords"]);

async function withoutTrail(): Promise<unknown[]> {
  const rows = JSON.parse(await dump(service)) as [string, unknown][];
  return rows.filter(([name]) => !TRAIL.has(name));
}
