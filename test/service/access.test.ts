import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Route } from "../../contract/route.ts";
import { routes } from "../../contract/routes.ts";
import { API_KEY_ROLES, type ApiKeyRole } from "../../contract/vocabulary.ts";
import { controlPlane, createTenant, dump, startTestService, type TestService } from "./harness.ts";

/** Every route of the contract against every role: what is not listed as allowed by its role must be refused. */
let service: TestService;
let tenantId: string;
const keys = new Map<ApiKeyRole, string>();

beforeAll(async () => {
  service = await startTestService();
  tenantId = await createTenant(service, "guarded");
  for (const role of API_KEY_ROLES) {
    const { body } = await service.call("POST", `${controlPlane}/api-keys`, { body: { name: role, role } });
    keys.set(role, body.secret);
    // The first use of a key is written down; here it would look like a change.
    await service.call("GET", "/health", { key: body.secret });
    await service.call("GET", `${controlPlane}/tenants`, { key: body.secret });
  }
});
afterAll(() => service.stop());

const all: [string, Route][] = Object.entries(routes);
const guarded = all.filter(([, route]) => route.role !== null);
const pathOf = (route: Route) => route.path.replace(":tenantId", tenantId).replaceAll(/:\w+/g, "0");

describe("access", () => {
  it("is open for the documents and the probes alone", () => {
    const open = all.filter(([, route]) => route.role === null).map(([operationId]) => operationId);
    expect(open.sort()).toEqual(["serviceDocs", "serviceHealth", "serviceOpenapi", "serviceReadiness"]);
  });

  it.each(guarded)("%s needs a key", async (_, route) => {
    const answer = await service.call(route.method.toUpperCase(), pathOf(route), { key: null });
    expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
    expect(answer.headers.get("www-authenticate")).toContain("Bearer");
  });

  const denied = guarded.flatMap(([operationId, route]) =>
    API_KEY_ROLES.slice(0, API_KEY_ROLES.indexOf(route.role ?? "auditor")).map(
      (role) => [operationId, role, route] as const,
    ),
  );
  it.each(denied)("%s is refused to the %s, whatever it sends", async (operationId, role, route) => {
    const { method } = route;
    const options = { key: keys.get(role) ?? null, ...(method === "get" ? {} : { raw: "{not json" }) };
    const before = await withoutTrail();
    const answer = await service.call(method.toUpperCase(), pathOf(route), options);
    expect(answer).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(await withoutTrail()).toEqual(before);
    const { body } = await service.call("GET", `${controlPlane}/audit/events?action=access.denied&limit=1`);
    expect(body.items[0]).toMatchObject({
      actor: { name: role },
      outcome: "denied",
      details: { action: operationId },
    });
  });
});

/** Every table but the audit trail, which a denial is to be found in. */
async function withoutTrail(): Promise<unknown[]> {
  const rows = JSON.parse(await dump(service)) as [string, unknown][];
  return rows.filter(([table]) => table !== "auditEvents" && table !== "auditHeads");
}
