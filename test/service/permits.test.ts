import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { OperationKind } from "../../contract/vocabulary.ts";
import { journalList } from "../../registry/journal.ts";
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
import { begin, setups } from "./sagaMatrix.ts";
import { takeOver } from "./takeOver.ts";

let service: TestService;

beforeAll(async () => {
  // A lease is renewed six times before it runs out, so its loss is found out soon, and long before it is taken up again.
  service = await startTestService(["--lease-ms", "9000", "--kill-time-ms", "500"]);
  await createRelease(service, "1.0.0");
  await createRelease(service, "2.0.0");
});
afterEach(() => {
  service.world.data.pace = undefined;
});
afterAll(() => service.stop());

/** Lets the call change so many things, and stand still before the next until its permit has ended. */
function stall(call: string, after = 1, until?: Promise<void>): Promise<void> {
  const stalled = Promise.withResolvers<void>();
  let before = 0;
  service.world.data.pace = async (made, permit) => {
    if (!made.startsWith(call)) return;
    before += 1;
    if (before !== after + 1) return;
    stalled.resolve();
    if (permit?.signal.aborted === false) await Promise.race([once(permit.signal, "abort"), until ?? never]);
  };
  return stalled.promise;
}

const never = new Promise<void>(() => undefined);

const objectsBelow = (prefix: string) =>
  [...service.world.data.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
const liveOf = (tenantId: string) => objectsBelow(`dev-data/tenants/${tenantId}/`);
const archivedOf = (tenantId: string) => objectsBelow(`dev-archive/archives/${tenantId}/`);

async function prepared(kind: OperationKind, slug: string): Promise<string> {
  const tenantId = await setups[kind].prepare(service, slug);
  if (kind === "tenant_archive") {
    for (const name of ["second", "third"])
      service.world.data.objects.set(`dev-data/tenants/${tenantId}/${name}`, Buffer.from(name));
  }
  return tenantId;
}

/** The owner goes on, finds that its lease is lost and writes nothing more; its successor, who is not here, would. */
async function givenUp(): Promise<void> {
  await waitFor("the owner's giving up", async () => {
    const { body } = await service.call("GET", "/metrics", { key: service.adminKey });
    return /tenantry_operations_running 0/.test(String(body)) ? true : undefined;
  });
}

describe("a data step whose operation another has taken over", () => {
  it("deletes no object more", async () => {
    const tenantId = await prepared("tenant_archive", "stalled-delete");
    const stalled = stall(`deleteObjects dev-data/tenants/${tenantId}/`);
    const operationId = await begin(service, "tenant_archive", tenantId, "stalled-delete");
    await stalled;
    await takeOver(service, operationId);
    await givenUp();
    expect(liveOf(tenantId)).toHaveLength(2);
    expect(archivedOf(tenantId).filter((key) => key.includes("/objects/"))).toHaveLength(3);
  });

  it("copies no object more", async () => {
    const tenantId = await prepared("tenant_archive", "stalled-copy");
    const stalled = stall(`copyObjects dev-data/tenants/${tenantId}/`);
    const operationId = await begin(service, "tenant_archive", tenantId, "stalled-copy");
    await stalled;
    await takeOver(service, operationId);
    await givenUp();
    // Nor is what it has copied taken back: that is for whoever goes on.
    expect(archivedOf(tenantId).filter((key) => key.includes("/objects/"))).toHaveLength(1);
    expect(liveOf(tenantId)).toHaveLength(3);
  });

  it("stores no dump and restores none", async () => {
    const dumped = await prepared("tenant_archive", "stalled-dump");
    let stalled = stall(`dump ${dumped}`, 0);
    let operationId = await begin(service, "tenant_archive", dumped, "stalled-dump");
    await stalled;
    await takeOver(service, operationId);
    await givenUp();
    expect(archivedOf(dumped)).toEqual([]);

    const restored = await prepared("tenant_restore", "stalled-restore");
    stalled = stall(`restore ${restored}`, 0);
    operationId = await begin(service, "tenant_restore", restored, "stalled-restore");
    await stalled;
    await takeOver(service, operationId);
    await givenUp();
    expect(service.world.data.databases.get(restored)?.content).toBe("");
    expect(liveOf(restored)).toEqual([]);
  });

  it("undoes no more of a restore, whose objects are its successor's by then", async () => {
    const tenantId = await prepared("tenant_restore", "stalled-undo");
    const stalled = stall(`deleteObjects dev-data/tenants/${tenantId}/`, 0);
    service.world.failures = [undefined, new EngineError("program_failed", "told to fail")];
    const operationId = await begin(service, "tenant_restore", tenantId, "stalled-undo");
    await stalled;
    await takeOver(service, operationId);
    await givenUp();
    expect(liveOf(tenantId)).toHaveLength(1);
  });
});

it("a data step that is cancelled stops once what it has sent is answered, and is undone", async () => {
  const tenantId = await prepared("tenant_archive", "cancelled-copy");
  const answered = Promise.withResolvers<void>();
  const stalled = stall(`copyObjects dev-data/tenants/${tenantId}/`, 1, answered.promise);
  const operationId = await begin(service, "tenant_archive", tenantId, "cancelled-copy");
  await stalled;
  const at = `${controlPlane}/operations/${operationId}`;
  expect((await service.call("POST", `${at}/cancel`, { body: { reason: "not now" } })).status).toBe(202);
  expect(archivedOf(tenantId)).not.toEqual([]);
  answered.resolve();
  expect(await ended(service, operationId)).toMatchObject({ status: "cancelled", error: null });
  expect([liveOf(tenantId).length, archivedOf(tenantId)]).toEqual([3, []]);
  const journal = await service.registry().read((db) => journalList(db, operationId, 0, 200));
  expect(journal.find(({ type }) => type === "step_failed")).toMatchObject({
    step: "archive_objects",
    message: "The step was stopped before it had come to its end: the operation was cancelled.",
  });
});

it("every call of a step on data goes with the operation's permit", async () => {
  const slug = "permitted";
  const reason = { reason: "because of a test" };
  const tenantId = await createTenant(service, slug);
  await run(service, `/tenants/${tenantId}/activate`);
  await run(service, `/tenants/${tenantId}/rotate-credentials`, reason);
  for (const _again of [1, 2]) {
    await run(service, `/tenants/${tenantId}/suspend`, reason);
    await run(service, `/tenants/${tenantId}/archive`, { ...reason, retentionDays: 30 });
    await run(service, `/tenants/${tenantId}/restore`, reason);
  }
  const [last] = await run(service, `/tenants/${tenantId}/decommission`, { ...reason, confirmSlug: slug });
  expect(last.status).toBe("succeeded");
  const { calls, unpermitted } = service.world.data;
  const methods = ["provision", "rotatePassword", "restartServices", "setLogin", "dump", "restore", "drop"];
  for (const method of [...methods, "copyObjects", "deleteObjects"])
    expect(
      calls.some((call) => call.startsWith(`${method} `)),
      method,
    ).toBe(true);
  expect(unpermitted).toEqual([]);
});
