import { afterEach, describe, expect, it } from "vitest";
import { settableClock } from "../registry/fixtures.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  ended,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

const DAY_MS = 86_400_000;
const services: TestService[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
});

describe("a clock that jumps", () => {
  it.each([
    ["forward", DAY_MS],
    ["back", -DAY_MS],
  ])("%s while an operation runs neither ends it nor begins it twice", async (_which, jumpMs) => {
    const clock = settableClock();
    const service = await startTestService(["--lease-ms", "3000", "--kill-time-ms", "1000"], clock);
    services.push(service);
    await createRelease(service, "1.0.0");
    const tenantId = await createTenant(service, "acme");
    let open = () => {};
    service.world.gate = new Promise((resolve) => {
      open = resolve;
    });
    const { body } = await service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, { body: {} });
    await waitFor("the run", async () => service.world.runs[0]);
    clock.advance(jumpMs);
    // Something else comes and goes meanwhile: the queue is looked at.
    const other = await createTenant(service, "bolt");
    await service.call("POST", `${controlPlane}/tenants/${other}/activate`, { body: {} });
    await waitFor("the other run", async () => service.world.runs[1]);
    open();
    const done = await ended(service, body.operations[0].operationId);
    expect(done).toMatchObject({ status: "succeeded", attempt: 1, error: null });
    expect(service.world.runs.filter((run) => run.includes(tenantId))).toHaveLength(1);
    // Entries are never older than those before them.
    const { body: audit } = await service.call("GET", `${controlPlane}/audit/verification`);
    expect(audit).toMatchObject({ verified: true });
    const own = await service
      .registry()
      .read((db) =>
        db
          .selectFrom("operationJournal")
          .select("at")
          .where("operationId", "=", done.operationId)
          .orderBy("sequence")
          .execute(),
      );
    expect(own.map((row) => row.at)).toEqual(own.map((row) => row.at).toSorted());
  });
});
