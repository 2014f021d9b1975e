import { afterEach, describe, expect, it } from "vitest";
import { type DatabaseProxy, startProxy } from "../registry/proxy.ts";
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

interface Scene {
  readonly replicas: Replicas;
  readonly proxy: DatabaseProxy;
  readonly replica: Replica;
  readonly tenantId: string;
}

const scenes: Scene[] = [];
afterEach(async () => {
  for (const { replicas, proxy } of scenes.splice(0)) {
    await replicas.cleanUp();
    await proxy.cut();
  }
});

async function setUp(skip: (why: string) => void, flags: readonly string[] = []): Promise<Scene> {
  const replicas = await createReplicas();
  if (typeof replicas === "string") {
    skip(`no PostgreSQL here: ${replicas}`);
    throw new Error(replicas);
  }
  const proxy = await startProxy(replicas.url);
  const replica = await replicas.start("host-a", ["--database-url", proxy.url, ...flags]);
  const [tenantId = ""] = await addTenants(replicas, replica, 1);
  const scene = { replicas, proxy, replica, tenantId };
  scenes.push(scene);
  return scene;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function beginRun({ replicas, replica, tenantId }: Scene): Promise<string> {
  replicas.hold(true);
  const operationId = await activate(replicas, replica, tenantId);
  await waitFor("the run", async () => replicas.runs()[0], 60_000);
  return operationId;
}

describe("a service whose database goes away", () => {
  it("says so, and goes on with its operations when it is back soon", async ({ skip }) => {
    const scene = await setUp(skip);
    const { replicas, proxy, replica } = scene;
    const operationId = await beginRun(scene);
    await proxy.cut();
    replicas.hold(false);
    const answer = await fetch(`${replica.url}/v1/control-plane/tenants`, {
      headers: { authorization: `Bearer ${replicas.adminKeys()[0]}` },
    });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("5");
    expect(await answer.json()).toMatchObject({ code: "not_ready" });
    expect((await fetch(`${replica.url}/readiness`)).status).toBe(503);
    expect((await fetch(`${replica.url}/health`)).status).toBe(200);
    await proxy.restore();
    expect(await endedAt(replicas, replica, operationId)).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(replicas.runs()).toHaveLength(1);
  });

  it("stops what it can no longer hold, and takes it up again afterwards", async ({ skip }) => {
    const scene = await setUp(skip, shortLease.flags);
    const { replicas, proxy, replica } = scene;
    const operationId = await beginRun(scene);
    await proxy.cut();
    // Not even its run may outlive the lease, whoever else can reach the database.
    await waitFor("the run's end", async () => replicas.runs()[0]?.endedAt, 60_000);
    await pause(1_000);
    await proxy.restore();
    replicas.hold(false);
    const done = await endedAt(replicas, replica, operationId);
    expect(done).toMatchObject({ status: "succeeded", error: null });
    expect(done.attempt).toBeGreaterThan(1);
    const { body } = await replicas.call(replica, "GET", "/audit/verification");
    expect(body).toMatchObject({ verified: true });
  });

  it("writes nothing twice when nobody can tell whether it was written", async ({ skip }) => {
    const scene = await setUp(skip);
    const { replicas, proxy, replica } = scene;
    const operationId = await beginRun(scene);
    proxy.cutAfter("commit");
    replicas.hold(false);
    expect(await endedAt(replicas, replica, operationId)).toMatchObject({ status: "succeeded", error: null });
    const ends = await replicas.raw(
      `select type from operation_journal where operation_id = '${operationId}' and type = 'succeeded'`,
    );
    expect(ends).toHaveLength(1);
    const events = await replicas.raw(
      "select sequence from audit_events where action = 'operation.succeeded'",
    );
    expect(events).toHaveLength(1);
  });
});
