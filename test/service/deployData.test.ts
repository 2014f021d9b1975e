import { afterAll, beforeAll, expect, it } from "vitest";
import { EngineError } from "../../service/engine/errors.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  run,
  startTestService,
  type TestService,
} from "./harness.ts";

/** A plain change of release does not look after the tenant's database; whatever else may have touched it does. */
let service: TestService;
let tenantId: string;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
  tenantId = await createTenant(service, "database-kept");
  await run(service, `/tenants/${tenantId}/activate`);
});
afterAll(() => service.stop());

const provisions = () => service.world.data.calls.filter((call) => call === `provision ${tenantId}`).length;

/** How often the database was provisioned meanwhile, and how the operation ended. */
async function during(at: string, body: object = {}): Promise<{ provisions: number; status: string }> {
  const before = provisions();
  const [operation] = await run(service, at, body);
  return { provisions: provisions() - before, status: operation.status };
}

const deploy = async (more: object = {}) => {
  const releaseNumber = await createRelease(service, "1.0.1");
  return during(`/tenants/${tenantId}/deploy`, { releaseNumber, ...more });
};
const configure = (body: object) => service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body });

const untouched = { provisions: 0, status: "succeeded" };
const looked = { provisions: 1, status: "succeeded" };

it("is left alone by a new release, new settings and another plan", async () => {
  expect(await deploy()).toEqual(untouched);
  expect((await configure({ config: { settings: { FEATURE: "on" } }, plan: "business" })).status).toBe(200);
  expect(await deploy()).toEqual(untouched);
});

it("is looked after when that is forced, after a failure, and when other secrets are needed", async () => {
  expect(await deploy({ force: true })).toEqual(looked);
  service.world.failures.push(new EngineError("provider_denied", "Cannot deploy: not allowed"));
  expect((await deploy()).status).toBe("failed");
  expect(await deploy()).toEqual(looked);
  expect(await deploy()).toEqual(untouched);
  expect(
    (await configure({ config: { secretRefs: { SMTP: `/dev/tenants/${tenantId}/iam-service/smtp` } } }))
      .status,
  ).toBe(200);
  expect(await deploy()).toEqual(looked);
});

it("is looked after by a deployment that puts drift right, and by a reactivation", async () => {
  const [key = ""] = [...service.world.stacks.keys()].filter((one) => one.includes(tenantId));
  const urn = "urn:pulumi:dev::tenant::aws:sqs/queue:Queue::queue";
  const queue = { urn, resourceType: "aws:sqs/queue:Queue", logicalName: "queue", physicalId: "queue" };
  service.world.stacks.get(key)?.findings.push({ ...queue, kind: "deleted", properties: [] });
  const { body } = await service.call("POST", `${controlPlane}/drift/scans`, {
    body: { tenantIds: [tenantId] },
  });
  const scanned = async () => (await service.call("GET", `${controlPlane}/drift/scans/${body.scanId}`)).body;
  await expect.poll(async () => (await scanned()).finishedAt, { timeout: 10_000 }).not.toBeNull();
  expect(await deploy()).toEqual(looked);
  await run(service, `/tenants/${tenantId}/suspend`, { reason: "paused" });
  expect(await during(`/tenants/${tenantId}/reactivate`)).toEqual(looked);
});
