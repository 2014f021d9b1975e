import { afterEach, describe, expect, it } from "vitest";
import { waitFor } from "./harness.ts";
import {
  activate,
  addTenants,
  createReplicas,
  endedAt,
  type Replica,
  type Replicas,
  shortLease,
} from "./replicas.ts";

const open: Replicas[] = [];
afterEach(async () => {
  for (const replicas of open.splice(0)) await replicas.cleanUp();
});

/** Undefined, with the reason printed, where there is no PostgreSQL. */
async function setUp(skip: (why: string) => void): Promise<Replicas> {
  const replicas = await createReplicas();
  if (typeof replicas === "string") {
    skip(`no PostgreSQL here: ${replicas}`);
    throw new Error(replicas);
  }
  open.push(replicas);
  return replicas;
}

const running = (replicas: Replicas, tenantId: string) =>
  waitFor("a run", async () => replicas.runs().find(({ key }) => key.startsWith(tenantId)));

describe("replicas of which one goes", () => {
  it("take over at once from one that was killed on the same host", async ({ skip }) => {
    const replicas = await setUp(skip);
    // A lease that would take far longer to run out than the test: only proof of its death gives it up.
    const far = ["--lease-ms", "600000"];
    const first = await replicas.start("host-a", far);
    const [tenantId = ""] = await addTenants(replicas, first, 1);
    replicas.hold(true);
    const operationId = await activate(replicas, first, tenantId);
    await running(replicas, tenantId);
    const second = await replicas.start("host-a", far);
    await first.signal("SIGKILL");
    replicas.hold(false);
    const done = await endedAt(replicas, second, operationId);
    expect(done).toMatchObject({ status: "succeeded", attempt: 2 });
    expect(replicas.runs().map(({ pid }) => pid)).toEqual([first.pid, second.pid]);
  });

  it("take over from one that was killed on another host after its lease and kill time", async ({ skip }) => {
    const replicas = await setUp(skip);
    const first = await replicas.start("host-a", shortLease.flags);
    const [tenantId = ""] = await addTenants(replicas, first, 1);
    replicas.hold(true);
    const operationId = await activate(replicas, first, tenantId);
    await running(replicas, tenantId);
    const second = await replicas.start("host-b", shortLease.flags);
    await first.signal("SIGKILL");
    replicas.hold(false);
    const [held] = await replicas.raw(
      `select lease_expires_at as at from operations where operation_id = '${operationId}'`,
    );
    expect(await endedAt(replicas, second, operationId)).toMatchObject({ status: "succeeded" });
    const [resumed] = await replicas.raw(
      `select at from operation_journal where operation_id = '${operationId}' and type = 'resumed' order by sequence desc limit 1`,
    );
    const waitedMs = Date.parse(String(resumed?.at)) - Date.parse(String(held?.at));
    expect(waitedMs).toBeGreaterThanOrEqual(shortLease.killTimeMs);
  });

  it("hand over what runs when they are told to stop", async ({ skip }) => {
    const replicas = await setUp(skip);
    // A lease that would take far longer to run out than the test: only a release hands it over.
    const far = ["--lease-ms", "600000"];
    const first = await replicas.start("host-a", far);
    const [tenantId = ""] = await addTenants(replicas, first, 1);
    replicas.hold(true);
    const operationId = await activate(replicas, first, tenantId);
    await running(replicas, tenantId);
    const second = await replicas.start("host-b", far);
    await first.signal("SIGTERM");
    replicas.hold(false);
    expect(await endedAt(replicas, second, operationId)).toMatchObject({ status: "succeeded", attempt: 2 });
    expect(await replicas.raw("select 1 from processes where stopped_at is not null")).toHaveLength(1);
  });

  it("let what runs end first, within their drain time", async ({ skip }) => {
    const replicas = await setUp(skip);
    const first = await replicas.start("host-a", ["--drain-ms", "60000"]);
    const [tenantId = ""] = await addTenants(replicas, first, 1);
    replicas.hold(true);
    const operationId = await activate(replicas, first, tenantId);
    await running(replicas, tenantId);
    const second = await replicas.start("host-b");
    const gone = first.signal("SIGTERM");
    await waitFor("the door to close", async () => ((await answers(first)) ? undefined : true));
    replicas.hold(false);
    await gone;
    expect(await endedAt(replicas, second, operationId)).toMatchObject({ status: "succeeded", attempt: 1 });
  });
});

function answers({ url }: Replica): Promise<boolean> {
  return fetch(`${url}/health`).then(
    () => true,
    () => false,
  );
}
