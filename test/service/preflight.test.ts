import { afterEach, beforeEach, expect, it } from "vitest";
import { USAGE_NAMES, type UsageName } from "../../service/cloud/cloudRuntime.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  plane,
  run,
  startTestService,
  type TestService,
} from "./harness.ts";

let service: TestService;
beforeEach(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
});
afterEach(() => service.stop());

/** Everything has room but what is named. */
function usages(tight: Partial<Record<UsageName, [used: number, limit: number]>> = {}) {
  return USAGE_NAMES.map((name) => {
    const [used, limit] = tight[name] ?? [0, 1_000_000];
    return { name, used, limit };
  });
}
const planePreflight = (query = "") =>
  service.call("GET", `${controlPlane}/planes/${plane}/preflight${query}`);

it("advises for a plane, by how many tenants of which plan are to come", async () => {
  service.world.usages = usages({ iam_roles: [900, 1_000] });
  await run(service, `/tenants/${await createTenant(service, "acme")}/activate`);
  const few = await planePreflight("?tenants=1");
  expect(few).toMatchObject({ status: 200, body: { level: "near", plan: "starter", tenants: 1 } });
  const many = await planePreflight("?tenants=20&plan=business");
  expect(many.body).toMatchObject({ level: "over", plan: "business", tenants: 20 });
  const roles = many.body.findings.find(({ check }: { check: string }) => check === "iam_roles");
  expect(roles).toMatchObject({ used: 900, limit: 1_000, needed: 120, level: "over" });
  expect(roles.advice).toContain("Raise `Roles per account`");
  expect((await planePreflight("?tenants=0")).status).toBe(422);
  const other = await service.call("GET", `${controlPlane}/planes/prod-eu-west-1/preflight`);
  expect(other).toMatchObject({ status: 404, body: { code: "plane_not_found" } });
});

it("warns in the activation, which goes on all the same", async () => {
  service.world.usages = usages({ subnet_addresses: [10, 12] });
  const tenantId = await createTenant(service, "acme");
  const [operation] = await run(service, `/tenants/${tenantId}/activate`);
  expect(operation.status).toBe("succeeded");
  const journal = await service
    .registry()
    .read((db) => db.selectFrom("operationJournal").selectAll().where("type", "=", "progress").execute());
  const said = journal.map(({ message }) => message).filter((message) => message?.startsWith("Preflight"));
  expect(said).toEqual([
    expect.stringContaining("Addresses of the plane's private subnets: 15 would be used and 12"),
  ]);
  const answer = await service.call("POST", `${controlPlane}/tenants/${tenantId}/preflight`, { body: {} });
  expect(answer.body.items).toMatchObject([{ planeName: plane, level: "over", tenants: 1 }]);
});

it("never stands in the way when the cloud cannot be asked", async () => {
  service.world.usages = new Error("throttled");
  const tenantId = await createTenant(service, "acme");
  const [operation] = await run(service, `/tenants/${tenantId}/activate`);
  expect(operation.status).toBe("succeeded");
  const { body } = await planePreflight();
  expect(body.level).toBe("unknown");
  expect(body.findings.every(({ level }: { level: string }) => level === "unknown")).toBe(true);
});

it("warns in a rollout's answer of what changes at once", async () => {
  service.world.usages = usages({ fargate_vcpus: [3, 5], iam_roles: [1_000, 1_000] });
  for (const slug of ["one", "two"]) {
    await run(service, `/tenants/${await createTenant(service, slug)}/activate`);
  }
  await createRelease(service, "2.0.0");
  const body = { change: { kind: "release", releaseNumber: 2 }, waves: [], maxConcurrency: 2 };
  const answer = await service.call("POST", `${controlPlane}/rollouts`, { body });
  expect(answer.status).toBe(202);
  const { warnings } = answer.body;
  expect(
    warnings.map((one: { finding: { check: string; level: string } }) => [
      one.finding.check,
      one.finding.level,
    ]),
  ).toEqual([
    ["iam_roles", "near"],
    ["fargate_vcpus", "over"],
  ]);
});
