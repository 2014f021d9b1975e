import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  controlPlane,
  createRelease,
  createTenant,
  dump,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
  await createRelease(service, "2.0.0");
});
afterAll(() => service.stop());

it("an owner whose operation was taken over writes nothing more, whatever its run ends with", async () => {
  const tenantId = await createTenant(service, "fenced-off");
  await run(service, `/tenants/${tenantId}/activate`, { releaseNumber: 1 });
  let open = () => {};
  service.world.gate = new Promise((resolve) => {
    open = resolve;
  });
  const runs = service.world.runs.length;
  const at = `${controlPlane}/tenants/${tenantId}/deploy`;
  const { body } = await service.call("POST", at, { body: { releaseNumber: 2 } });
  const [{ operationId }] = body.operations;
  await waitFor("the run", async () => service.world.runs[runs]);
  await takeOver(operationId);
  const before = await dump(service);
  open();
  service.world.gate = undefined;
  // The run has had its effect and its owner has found out that it may not say so.
  await waitFor("the end of the run", async () =>
    [...service.world.stacks.values()].find(
      ({ spec }) => spec.tenant.tenantId === tenantId && spec.release.number === 2,
    ),
  );
  await waitFor("the owner's giving up", async () => {
    const { body: metrics } = await service.call("GET", "/metrics", { key: service.adminKey });
    return /tenantry_operations_running 0/.test(String(metrics)) ? true : undefined;
  });
  expect(await dump(service)).toBe(before);
});

/** As another host's process does when the lease has run out. */
async function takeOver(operationId: string): Promise<void> {
  await service.registry().record(async ({ db, now }) => {
    const processId = randomUUID();
    const ours = await db.selectFrom("processes").selectAll().executeTakeFirstOrThrow();
    await db
      .insertInto("processes")
      .values({ ...ours, processId, hostId: "another-host" })
      .execute();
    await db
      .updateTable("operations")
      .set((eb) => ({
        leaseOwner: processId,
        leaseExpiresAt: new Date(Date.parse(now) + 600_000).toISOString(),
        fencingToken: eb("fencingToken", "+", 1),
      }))
      .where("operationId", "=", operationId)
      .execute();
  });
}
