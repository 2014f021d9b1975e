import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  type CallOptions,
  controlPlane,
  createRelease,
  createTenant,
  dump,
  plane,
  run,
  startTestService,
  type TestService,
} from "./harness.ts";

let service: TestService;
let draft: string;
let active: string;

beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
  draft = await createTenant(service, "draft");
  active = await createTenant(service, "active");
  await run(service, `/tenants/${active}/activate`);
});
afterAll(() => service.stop());

interface Case {
  readonly name: string;
  readonly method: string;
  readonly path: () => string;
  readonly options?: CallOptions;
  readonly status: number;
  readonly code: string;
  /** The path of the first field error; undefined when the code alone says it. */
  readonly field?: string;
}

const tenant = (slug: string, plan = "starter") => ({ body: { slug, displayName: "x", plan } });
const tenants = () => `${controlPlane}/tenants`;
const unknownId = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";

const cases: Case[] = [
  {
    name: "an unknown plan",
    method: "POST",
    path: tenants,
    options: tenant("gold", "gold"),
    status: 422,
    code: "unknown_plan",
    field: "body.plan",
  },
  {
    name: "a duplicate slug",
    method: "POST",
    path: tenants,
    options: tenant("draft"),
    status: 409,
    code: "duplicate_slug",
    field: "body.slug",
  },
  {
    name: "the slug ../x",
    method: "POST",
    path: tenants,
    options: tenant("../x"),
    status: 422,
    code: "invalid_request",
    field: "body.slug",
  },
  {
    name: "an unknown field",
    method: "POST",
    path: tenants,
    options: { body: { ...tenant("ok-slug").body, colour: 1 } },
    status: 422,
    code: "invalid_request",
    field: "body.colour",
  },
  {
    name: "a secret as a setting",
    method: "POST",
    path: tenants,
    options: { body: { ...tenant("ok-slug").body, config: { settings: { DB_PASSWORD: "hunter2" } } } },
    status: 422,
    code: "secret_value_refused",
    field: "body.config.settings.DB_PASSWORD",
  },
  {
    name: "a body of 5 MB",
    method: "POST",
    path: tenants,
    options: { raw: `{"slug":"${"x".repeat(5_000_000)}"}` },
    status: 413,
    code: "body_too_large",
    field: "body",
  },
  {
    name: "malformed JSON",
    method: "POST",
    path: tenants,
    options: { raw: '{"slug": "acme"' },
    status: 400,
    code: "malformed_json",
    field: "body",
  },
  { name: "no body", method: "POST", path: tenants, status: 422, code: "invalid_request", field: "body" },
  {
    name: "another media type",
    method: "POST",
    path: tenants,
    options: { raw: "slug=acme", headers: { "content-type": "text/plain" } },
    status: 415,
    code: "unsupported_media_type",
    field: "header.content-type",
  },
  {
    name: "an unknown tenant",
    method: "GET",
    path: () => `${tenants()}/${unknownId}`,
    status: 404,
    code: "tenant_not_found",
    field: "path.tenantId",
  },
  {
    name: "activating an unknown tenant",
    method: "POST",
    path: () => `${tenants()}/${unknownId}/activate`,
    status: 404,
    code: "tenant_not_found",
    field: "path.tenantId",
  },
  {
    name: "a tenant id that is none",
    method: "GET",
    path: () => `${tenants()}/acme`,
    status: 422,
    code: "invalid_request",
    field: "path.tenantId",
  },
  {
    name: "no key",
    method: "POST",
    path: tenants,
    options: { ...tenant("nobody"), key: null },
    status: 401,
    code: "unauthenticated",
    field: "header.authorization",
  },
  {
    name: "a wrong key",
    method: "POST",
    path: tenants,
    options: { ...tenant("nobody"), key: "tk_aaaaaaaaaaaa_xyz" },
    status: 401,
    code: "unauthenticated",
    field: "header.authorization",
  },
  {
    name: "a second activation",
    method: "POST",
    path: () => `${tenants()}/${active}/activate`,
    status: 409,
    code: "illegal_transition",
    field: "tenant.status",
  },
  {
    name: "suspending a draft",
    method: "POST",
    path: () => `${tenants()}/${draft}/suspend`,
    status: 409,
    code: "illegal_transition",
    field: "tenant.status",
  },
  {
    name: "decommissioning with the wrong slug",
    method: "POST",
    path: () => `${tenants()}/${active}/decommission`,
    options: { body: { confirmSlug: "draft", reason: "contract ended" } },
    status: 422,
    code: "confirmation_mismatch",
    field: "body.confirmSlug",
  },
  {
    name: "decommissioning without a reason",
    method: "POST",
    path: () => `${tenants()}/${active}/decommission`,
    options: { body: { confirmSlug: "active" } },
    status: 422,
    code: "invalid_request",
    field: "body.reason",
  },
  {
    name: "an unknown release",
    method: "POST",
    path: () => `${tenants()}/${draft}/activate`,
    options: { body: { releaseNumber: 99 } },
    status: 404,
    code: "release_not_found",
    field: "releaseNumber",
  },
  {
    name: "suspending where the tenant is not",
    method: "POST",
    path: () => `${tenants()}/${active}/suspend`,
    options: { body: { planes: ["dev-us-east-1"] } },
    status: 409,
    code: "target_missing",
    field: "body.planes",
  },
  {
    name: "a plane of another name",
    method: "POST",
    path: () => `${tenants()}/${draft}/activate`,
    options: { body: { planes: ["dev-us-east-1"] } },
    status: 409,
    code: "plane_missing",
    field: "plane.outputs.planeName",
  },
  { name: "an unknown path", method: "GET", path: () => "/v1/tenants", status: 404, code: "route_not_found" },
  {
    name: "a method the path does not take",
    method: "DELETE",
    path: tenants,
    status: 405,
    code: "method_not_allowed",
  },
  {
    name: "a cursor of somewhere else",
    method: "GET",
    path: () => `${tenants()}?cursor=abc`,
    status: 422,
    code: "invalid_request",
    field: "query.cursor",
  },
  {
    name: "a page without end",
    method: "GET",
    path: () => `${tenants()}?limit=100000`,
    status: 422,
    code: "invalid_request",
    field: "query.limit",
  },
  {
    name: "a stale If-Match",
    method: "PATCH",
    path: () => `${tenants()}/${draft}`,
    options: { body: { displayName: "y" }, headers: { "if-match": '"7"' } },
    status: 412,
    code: "version_conflict",
    field: "header.if-match",
  },
  {
    name: "an idempotency key of spaces",
    method: "POST",
    path: tenants,
    options: { ...tenant("spaces"), headers: { "idempotency-key": "a b" } },
    status: 422,
    code: "invalid_request",
    field: "header.idempotency-key",
  },
  {
    name: "revoking the last admin key",
    method: "DELETE",
    path: () => `${controlPlane}/api-keys/${service.adminKey.slice(3, 15)}`,
    status: 409,
    code: "last_admin_key",
    field: "path.keyId",
  },
];

describe("bad input", () => {
  it.each(cases)(
    "$name gets $status $code and changes nothing",
    async ({ method, path, options, status, code, field }) => {
      const before = await dump(service);
      const answer = await service.call(method, path(), options);
      expectProblem(answer, status, code, field);
      expect(await dump(service)).toBe(before);
    },
  );

  it("a missing plane gets 409 plane_missing", async () => {
    const { planeOutputs } = service.world;
    service.world.planeOutputs = undefined;
    try {
      const before = await dump(service);
      const body = { environment: "dev" };
      expectProblem(
        await service.call("POST", `${controlPlane}/planes`, { body }),
        409,
        "plane_missing",
        "body.environment",
      );
      expect(await dump(service)).toBe(before);
    } finally {
      service.world.planeOutputs = planeOutputs;
    }
  });

  it("an incomplete plane gets 409 plane_incomplete naming what is missing", async () => {
    const { planeOutputs } = service.world;
    const { clusterArn: _clusterArn, kmsKeyArn: _kmsKeyArn, ...incomplete } = planeOutputs ?? {};
    service.world.planeOutputs = incomplete;
    try {
      const before = await dump(service);
      const answer = await service.call("POST", `${controlPlane}/planes`, { body: { environment: "dev" } });
      expectProblem(answer, 409, "plane_incomplete", "plane.outputs.clusterArn");
      expect(answer.body.detail).toContain("kmsKeyArn");
      expect(await dump(service)).toBe(before);
    } finally {
      service.world.planeOutputs = planeOutputs;
    }
  });

  it("an auditor may read but not write, and the denial is in the audit trail", async () => {
    const made = await service.call("POST", `${controlPlane}/api-keys`, {
      body: { name: "eyes", role: "auditor" },
    });
    const key = made.body.secret as string;
    expect((await service.call("GET", tenants(), { key })).status).toBe(200);
    const denied = await service.call("POST", `${tenants()}/${active}/suspend`, { key, body: {} });
    expectProblem(denied, 403, "forbidden", undefined);
    const { body } = await service.call(
      "GET",
      `${controlPlane}/audit/events?tenantId=${active}&action=access.denied`,
    );
    expect(body.items).toHaveLength(1);
    expect(body.items[0]).toMatchObject({
      outcome: "denied",
      actor: { name: "eyes" },
      requestId: denied.body.requestId,
    });
  });
});

function expectProblem(answer: Answer, status: number, code: string, field: string | undefined): void {
  expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
  expect(answer.headers.get("content-type")).toContain("application/problem+json");
  expect(answer.body).toMatchObject({ type: `urn:tenantry:problem:${code}`, status });
  expect(answer.body.requestId).toBe(answer.headers.get("x-request-id"));
  expect(answer.body.detail.length).toBeGreaterThan(10);
  expect(answer.body.hint.length).toBeGreaterThan(10);
  expect(answer.body.errors[0]?.path).toBe(field);
}

describe("without any release", () => {
  it("activation gets 409 release_missing", async () => {
    const empty = await startTestService();
    try {
      const tenantId = await createTenant(empty, "early");
      const answer = await empty.call("POST", `${tenants()}/${tenantId}/activate`, {
        body: { planes: [plane] },
      });
      expectProblem(answer, 409, "release_missing", "body.releaseNumber");
    } finally {
      await empty.stop();
    }
  });
});
