import { afterAll, beforeAll, expect, it } from "vitest";
import { catalogText } from "../support/plans.ts";
import { controlPlane, createTenant, startTestService, type TestService } from "./harness.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

const plans = `${controlPlane}/plans`;
const yaml = { headers: { "content-type": "application/yaml" } };
const apply = (raw: string, query = "") => service.call("POST", `${plans}/apply${query}`, { raw, ...yaml });
const get = async (path: string) => (await service.call("GET", `${plans}${path}`)).body;

const [starterText = ""] = catalogText.split("\n---\n");
const lineOf = (text: string) => starterText.split("\n").findIndex((line) => line.includes(text)) + 1;

it("takes its own catalog as what it has", async () => {
  const { status, body } = await apply(catalogText, "?dryRun=true");
  expect(status).toBe(200);
  expect(body.plans.map(({ plan, result }: { plan: string; result: string }) => [plan, result])).toEqual([
    ...[
      ["starter", "none"],
      ["business", "none"],
      ["enterprise", "none"],
    ],
  ]);
  expect((await get("")).items.map(({ plan }: { plan: string }) => plan)).toEqual([
    ...["business", "enterprise", "starter"],
  ]);
});

it("says what a catalog would change, changes it once, and shows what two versions differ in", async () => {
  const tenantId = await createTenant(service, "bound");
  const bigger = starterText
    .replace("storageGib: 10\n", "storageGib: 20\n")
    .replace("single-sign-on: { enabled: false", "single-sign-on: { enabled: true")
    .replace("    llmTokensPerMonth: 20000000\n", "");
  const dry = await apply(bigger, "?dryRun=true");
  const changes = [
    { path: "features.single-sign-on.enabled", from: false, to: true },
    { path: "quotas.llmTokensPerMonth", from: 20_000_000 },
    { path: "quotas.storageGib", from: 10, to: 20 },
  ];
  expect(dry.body).toMatchObject({
    dryRun: true,
    plans: [{ result: "version", fromVersion: 1, version: 2, changes }],
  });
  expect((await get("/starter")).version).toBe(1);

  const applied = await apply(bigger, "?reason=spring");
  expect(applied.body.plans).toEqual(dry.body.plans);
  expect((await apply(bigger)).body.plans).toMatchObject([{ result: "none", version: 2, changes: [] }]);
  expect(await get("/starter")).toMatchObject({ version: 2, quotas: { storageGib: 20 } });
  expect(await get("/starter?version=1")).toMatchObject({ version: 1, quotas: { storageGib: 10 } });
  expect(await get("/starter/diff?from=1")).toEqual({ plan: "starter", from: 1, to: 2, changes });
  expect((await get("/starter/diff?from=2&to=2")).changes).toEqual([]);
  expect((await get("/starter/versions")).items.map(({ version }: { version: number }) => version)).toEqual([
    2, 1,
  ]);

  const { body } = await service.call("GET", `${controlPlane}/tenants/${tenantId}`);
  expect(body).toMatchObject({ plan: "starter", planVersion: 1, recordVersion: 1 });
});

it("exports what it takes back unchanged, and refuses an edit of what was overtaken", async () => {
  const text = await get("/enterprise/export");
  expect(text).toContain("follows: 1");
  expect((await apply(text)).body.plans).toMatchObject([{ plan: "enterprise", result: "none" }]);
  const edit = text.replace("Everything,", "All,");
  expect((await apply(edit)).body.plans).toMatchObject([{ result: "version", version: 2 }]);
  const late = text.replace("Everything,", "Nearly everything,");
  expect(await apply(late)).toMatchObject({ status: 412, body: { code: "version_conflict" } });
  expect((await get("/enterprise")).version).toBe(2);
});

it.each<[what: string, from: string | RegExp, to: string, error: object]>([
  [
    "a size that Fargate does not take",
    "cpu: 256, memoryMiB: 512",
    "cpu: 256, memoryMiB: 700",
    {
      ...{
        path: "spec.services.integrations-service.memoryMiB",
        line: lineOf("integrations-service:"),
        message: expect.stringContaining("512 to 2048"),
      },
    },
  ],
  [
    "a mistyped quota",
    "storageGib: 10",
    "storageGiB: 10",
    {
      ...{ path: "spec.quotas.storageGiB", line: lineOf("storageGib:"), hint: "Did you mean storageGib?" },
    },
  ],
  [
    "a mistyped field of a feature",
    "onStale: open }",
    "onstale: open }",
    {
      ...{
        path: "spec.features.api-access.onstale",
        line: lineOf("api-access:"),
        hint: "Did you mean onStale?",
      },
    },
  ],
  [
    "a quota that is text",
    "connections: 5",
    "connections: five",
    { path: "spec.quotas.connections", line: lineOf("connections:") },
  ],
  [
    "an operation that is none",
    "rateLimits:",
    "rateLimits:\n    endpoints: { tenantGetx: { requests: 1, windowSeconds: 1 } }",
    {
      ...{
        path: "spec.rateLimits.endpoints.tenantGetx",
        line: lineOf("rateLimits:") + 1,
        hint: "Did you mean tenantGet?",
      },
    },
  ],
  [
    "an operation that names no tenant",
    "rateLimits:",
    "rateLimits:\n    endpoints: { tenantList: { requests: 1, windowSeconds: 1 } }",
    { path: "spec.rateLimits.endpoints.tenantList", line: lineOf("rateLimits:") + 1 },
  ],
  ["a service left out", /\n {4}iam-service:.*/, "", { path: "spec.services.iam-service" }],
  ["another kind", "kind: Plan", "kind: Tenant", { path: "kind", line: lineOf("kind:") }],
  [
    "a name with control characters",
    "displayName: Starter",
    'displayName: "Star\\x1b[31mter"',
    { path: "spec.displayName" },
  ],
  ["a key that is a path", "key: starter", "key: ../starter", { path: "metadata.key" }],
  ["a quota beyond counting", "connections: 5", "connections: 1e300", { path: "spec.quotas.connections" }],
  ["a secret in the words", "Small teams in", "AKIAIOSFODNN7EXAMPLE in", { path: "spec.description" }],
  ["an alias", "quotas:", "quotas: &q", { message: expect.stringContaining("anchor") }],
  ["no YAML", "spec:", "spec: [", { line: expect.any(Number) }],
])("refuses %s with its place, and changes nothing", async (_what, from, to, error) => {
  const before = await get("/starter");
  const { status, body } = await apply(starterText.replace(from, to));
  expect([status, body.code]).toEqual([422, "catalog_invalid"]);
  expect(body.errors[0]).toMatchObject({ file: "catalog", ...error });
  expect(await get("/starter")).toEqual(before);
});

it("refuses a plan twice, and nothing of a catalog with one bad plan is taken", async () => {
  expect((await apply(`${starterText}\n---\n${starterText}`)).body.errors[0].message).toMatch(
    /is there twice/,
  );
  const mixed = `${starterText.replace("key: starter", "key: brand-new")}\n---\nkind: Plan\n`;
  expect((await apply(mixed)).status).toBe(422);
  expect((await service.call("GET", `${plans}/brand-new`)).body.code).toBe("plan_not_found");
});

it("lets a new plan be bound, and names the plans to whoever asks for another", async () => {
  await apply(starterText.replace("key: starter", "key: tiny"));
  const tenantId = await createTenant(service, "tiny-one", { plan: "tiny" });
  const patch = (body: object) => service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body });
  expect((await patch({ plan: "gigantic" })).body).toMatchObject({
    ...{ code: "unknown_plan", detail: expect.stringContaining("business, enterprise, starter, tiny") },
  });
  expect((await patch({ planVersion: 4 })).body.code).toBe("unknown_plan");
  expect((await service.call("GET", `${plans}/tiny?version=4`)).body.code).toBe("plan_version_not_found");
  expect((await service.call("GET", `${plans}/tiny/diff?from=1&to=9`)).status).toBe(404);
  expect((await patch({ plan: "business" })).body).toMatchObject({ plan: "business", planVersion: 1 });
});
