import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { plane, releaseBody, waitFor } from "./harness.ts";
import { bringUpPlane, type CloudThing, createRealService } from "./realService.ts";
import { createRolloutClient } from "./rollouts.ts";

/** Drift on the real engine and the local cloud. The steps build on each other, in order. */
const service = createRealService();
const { call, listing, control } = service;
const rollouts = createRolloutClient((method, at, body) => call(method, at, body), 120_000);
const QUEUE = "aws:sqs/queue:Queue";
const slugs = ["alpha", "beta", "gamma"] as const;
const tenants = new Map<string, string>();
const idOf = (slug: string) => tenants.get(slug) ?? "";

beforeAll(async () => {
  await bringUpPlane(service.dataDir);
  await service.start();
  await call("POST", "/releases", releaseBody("1.0.0"));
  for (const slug of slugs) {
    const { body } = await call("POST", "/tenants", {
      slug,
      displayName: slug,
      plan: "starter",
      planes: [plane],
    });
    tenants.set(slug, body.tenantId);
  }
  await Promise.all(slugs.map((slug) => run(`/tenants/${idOf(slug)}/activate`)));
}, 300_000);
afterAll(() => service.cleanUp());

describe("what was changed by hand", () => {
  let causeId = "";

  it("on several tenants has one cause, apart from what was deleted and what no state records", async () => {
    for (const slug of slugs) await alter(await workQueueOf(slug), { visibilityTimeoutSeconds: 999 });
    await control("DELETE", one(await logGroupOf("beta")));
    await alter(await planesOwn("aws:cloudwatch/logGroup:LogGroup"), {
      tags: { "tenantry:tenant-id": idOf("gamma"), "tenantry:plane": plane },
    });
    const scan = await scanned();
    expect(scan, JSON.stringify(scan.targets)).toMatchObject({ status: "succeeded", findingsNew: 5 });
    const { items: causes } = (await call("GET", "/drift/causes")).body;
    expect(causes).toMatchObject([
      { kind: "changed", resourceType: QUEUE, tenants: 3, findings: 3 },
      { tenants: 1 },
      { tenants: 1 },
    ]);
    expect(causes.map(({ kind }: { kind: string }) => kind).sort()).toEqual([
      "changed",
      "deleted",
      "unmanaged",
    ]);
    expect(causes[0].properties).toEqual([{ path: "visibilityTimeoutSeconds", actual: 999 }]);
    causeId = causes[0].causeId;
  });

  it("is corrected by policy where only that was done, and never where something was deleted", async () => {
    await service.signal("SIGTERM");
    await service.start(["--drift-policy", "dev=correct", "--reconcile-every-ms", "500"]);
    await waitFor("the repairs", async () => (await openOf(causeId)).length === 1 || undefined, 120_000);
    expect(await openOf(causeId)).toMatchObject([{ tenantId: idOf("beta") }]);
    const { items } = (await call("GET", `/reconcile?tenantId=${idOf("beta")}`)).body;
    expect(items).toMatchObject([
      { verdict: "person", reason: expect.stringMatching(/deleted out of band/) },
    ]);
    await service.signal("SIGTERM");
    await service.start();
  });

  it("is repaired in waves as it was seen, and not when something else differs by then", async () => {
    const preview = async () =>
      (await call("POST", "/drift/repairs/preview", { tenantIds: [idOf("beta")] })).body;
    const { findingsDigest } = await preview();
    await alter(await workQueueOf("beta"), { visibilityTimeoutSeconds: 500 });
    const [stale] = await run("/drift/repairs", { tenantIds: [idOf("beta")], findingsDigest });
    expect(stale.error).toMatchObject({ code: "findings_changed" });
    expect((await workQueueOf("beta")).properties.visibilityTimeoutSeconds).toBe(500);
    const change = { kind: "drift_repair", findingsDigest: (await preview()).findingsDigest };
    const scope = { tenantIds: [idOf("beta")] };
    const wave = await rollouts.run({ change, scope, reason: "put it right", bakeMs: 0 });
    expect([wave.status, wave.statusReason]).toEqual(["succeeded", null]);
    // What is there now, and what was recorded.
    const [group] = (await call("GET", `/rollouts/${wave.rolloutId}/preview`)).body.items;
    const queue = group.changes.find(({ resourceType }: { resourceType: string }) => resourceType === QUEUE);
    expect(queue.values).toEqual([
      { path: "visibilityTimeoutSeconds", old: "500", new: expect.stringMatching(/^[0-9]+$/) },
    ]);
    expect((await logGroupOf("beta")).state).toBe("present");
    const scan = await scanned();
    expect(scan).toMatchObject({ findingsOpen: 1, findingsNew: 0 });
    const { items } = (await call("GET", "/drift")).body;
    expect(items).toMatchObject([{ kind: "unmanaged", tenantId: idOf("gamma") }]);
  });
});

async function run(at: string, body: object = {}) {
  const answer = await call("POST", at, body);
  expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 202 });
  const ids = answer.body.operations.map((operation: { operationId: string }) => operation.operationId);
  return Promise.all(ids.map((id: string) => finished(`/operations/${id}`)));
}

function finished(at: string) {
  const look = async () => {
    const { body } = await call("GET", at);
    return body.finishedAt === null ? undefined : body;
  };
  return waitFor(at, look, 120_000);
}

async function scanned() {
  const { body } = await call("POST", "/drift/scans", {});
  return finished(`/drift/scans/${body.scanId}`);
}

async function openOf(causeId: string) {
  return (await call("GET", `/drift?causeId=${causeId}`)).body.items;
}

async function thingOf(slug: string, fits: (thing: CloudThing) => boolean): Promise<CloudThing> {
  const thing = (await listing(idOf(slug))).find(fits);
  if (thing === undefined) throw new Error(`${slug} has no such resource`);
  return thing;
}

const workQueueOf = (slug: string) =>
  thingOf(slug, ({ type, name }) => type === QUEUE && name.endsWith("-work"));
const logGroupOf = (slug: string) =>
  thingOf(slug, ({ type, name }) => type === "aws:cloudwatch/logGroup:LogGroup" && name.includes("iam"));

async function planesOwn(type: string): Promise<CloudThing> {
  const query = `/v1/resources?tag.tenantry:plane=${plane}&type=${type}&limit=500`;
  const { resources } = (await control("GET", query)) as { resources: (CloudThing & { tags: object })[] };
  const thing = resources.find(({ tags }) => !("tenantry:tenant-id" in tags));
  if (thing === undefined) throw new Error(`the plane has no ${type} of its own`);
  return thing;
}

function alter(thing: CloudThing, properties: object): Promise<unknown> {
  return control("PATCH", one(thing), { properties });
}

function one({ type, id, region }: CloudThing): string {
  return `/v1/resources/one?${new URLSearchParams({ type, id, region })}`;
}
