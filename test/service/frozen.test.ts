import { afterAll, beforeAll, expect, it } from "vitest";
import { createPostgres } from "../registry/postgresDatabase.ts";
import { ensurePostgres } from "../registry/postgresServer.ts";
import { releaseBody, waitFor } from "./harness.ts";
import { bringUpPlane, createRealService } from "./realService.ts";
import { createScene, isAlive } from "./scene.ts";

/**
 * A service that stands still for longer than its lease and kill time, with a CLI of the real engine under way: as on a host
 * that was suspended, but that its own dead-man switch runs on. Another service ends the operation meanwhile.
 */
const first = createRealService();
const second = createRealService(first);
const LEASE = ["--lease-ms", "6000", "--kill-time-ms", "1000"];
const answer = await ensurePostgres();
let flags: readonly string[] = [];
let raw: (statement: string) => Promise<readonly Record<string, unknown>[]>;
let dispose = async () => {};

beforeAll(async () => {
  if (!("server" in answer)) return;
  const database = await createPostgres(answer.server, { empty: true });
  raw = database.raw;
  dispose = database.dispose;
  flags = [...LEASE, "--database-url", "url" in database.location ? database.location.url : ""];
  await first.start(flags);
  await bringUpPlane(first.dataDir);
  await first.call("POST", "/planes", { stackName: "dev" });
  expect((await first.call("POST", "/releases", releaseBody("1.0.0"))).status).toBe(201);
}, 240_000);
afterAll(async () => {
  if (first.pid() > 0) process.kill(first.pid(), "SIGCONT");
  await second.signal("SIGTERM");
  await first.cleanUp();
  await dispose();
}, 60_000);

it("a frozen service's CLI is ended, another goes on, and the thawed one writes nothing", async ({
  skip,
}) => {
  if (!("server" in answer)) return skip(`no PostgreSQL here: ${answer.reason}`);
  const mine = createScene(first);
  const other = createScene(second);
  await mine.hang("aws:ecs/service:Service", "create");
  const { tenantId, operationId } = await mine.activation("frozen");
  await mine.untilHanging();
  const cliPid = await mine.cliPid(operationId);
  // Only now, so that the first has taken the operation.
  await second.start(flags);
  process.kill(first.pid(), "SIGSTOP");
  await waitFor("the CLI's end", async () => (isAlive(cliPid) ? undefined : true), 60_000);
  await first.control("DELETE", "/v1/faults");
  const operation = await other.ended(operationId);
  expect(operation, JSON.stringify(operation.error)).toMatchObject({ status: "succeeded", attempt: 2 });
  expect((await other.expectSettled(tenantId)).length).toBeGreaterThan(15);

  const written = () =>
    Promise.all([
      raw(`select * from operation_journal where operation_id = '${operationId}' order by sequence`),
      raw(`select * from operations where operation_id = '${operationId}'`),
      raw(`select * from audit_events where tenant_id = '${tenantId}' order by sequence`),
      mine.stateOf(tenantId),
    ]);
  const before = await written();
  process.kill(first.pid(), "SIGCONT");
  const hasGivenUp = async () => (/tenantry_operations_running 0/.test(await metrics()) ? true : undefined);
  await waitFor("the first to give up", hasGivenUp, 60_000);
  expect(await metrics()).toMatch(/tenantry_leases_lost_total 1/);
  expect(await written()).toEqual(before);
}, 240_000);

async function metrics(): Promise<string> {
  const answer = await fetch(`${first.url()}/metrics`, {
    headers: { authorization: `Bearer ${first.adminKey()}` },
  });
  return answer.text();
}
