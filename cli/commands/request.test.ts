import { describe, expect, it } from "vitest";
import type { OperationId } from "../../contract/routes.ts";
import { routes } from "../../contract/routes.ts";
import { validate } from "../../contract/validate.ts";
import { apiOperation } from "../api/description.ts";
import { EXIT, Failure } from "../exit.ts";
import { fieldsOf } from "./fields.ts";
import { buildRequest, type Typed } from "./request.ts";

const request = (id: OperationId, typed: Typed, file?: unknown) =>
  buildRequest(apiOperation(id), fieldsOf(apiOperation(id)), typed, file);

function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    if (error instanceof Failure && error.exitCode === EXIT.usage) return error.message;
    throw error;
  }
  throw new Error("it must be refused, and was not");
}

describe("a request made of options", () => {
  it("puts each option where the contract wants it", () => {
    const made = request("tenantCreate", {
      slug: "acme",
      "display-name": "Acme Ltd",
      plan: "starter",
      "primary-domain": "null",
      plane: ["dev-eu-west-1"],
      label: ["tier=gold", "note=a=b"],
      setting: ["LOG_LEVEL=debug"],
      "allowed-region": ["eu-west-1"],
    });
    expect(made).toMatchObject({ method: "post", path: "/v1/control-plane/tenants" });
    const body = validate(routes.tenantCreate.body, made.body, "body");
    expect(body).toMatchObject({
      primaryDomain: null,
      labels: { tier: "gold", note: "a=b" },
      config: { settings: { LOG_LEVEL: "debug" } },
      regions: { allowed: ["eu-west-1"] },
    });
  });

  it("fills the path, the query and the headers", () => {
    const made = request("tenantUpdate", { tenant: "a b", "if-match": "3", "display-name": "New" });
    expect(made.path).toBe("/v1/control-plane/tenants/a%20b");
    expect(made.headers).toEqual({ "If-Match": '"3"' });
    expect(request("tenantHealthList", { fresh: true, limit: "5" }).query).toEqual({
      fresh: "true",
      limit: "5",
    });
  });

  it("reads a rollout's amounts, cohort and health gate as the contract has them", () => {
    const made = request("rolloutCreate", {
      change: '{"kind":"release","releaseNumber":2}',
      plan: ["starter"],
      label: ["tier=gold"],
      "exclude-tenant": ["0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11"],
      "max-concurrency": "25%",
      "failure-tolerance": "2",
      "health-gate-http-url": "https://{host}/health",
      approval: true,
      "emergency-reason": "the house is on fire",
    });
    expect(validate(routes.rolloutCreate.body, made.body, "body")).toMatchObject({
      scope: { plans: ["starter"], labels: { tier: "gold" }, exclude: { tenantIds: [expect.any(String)] } },
      maxConcurrency: "25%",
      failureTolerance: 2,
      healthGate: { http: { url: "https://{host}/health" } },
      approval: true,
      emergency: { reason: "the house is on fire" },
    });
  });

  it("lays options over a file", () => {
    const file = { slug: "acme", displayName: "From the file", plan: "starter", labels: { a: "1" } };
    expect(request("tenantCreate", { plan: "business" }, file).body).toEqual({ ...file, plan: "business" });
    expect(request("tenantReconfigure", { tenant: "x", "display-name": "New" }).body).toEqual({
      change: { displayName: "New" },
    });
  });

  it("says what is missing or cannot be read, and what to give instead", () => {
    expect(refusal(() => request("tenantCreate", { slug: "acme" }))).toContain(
      "--display-name, --plan must be given",
    );
    const isolation = { slug: "acme", "display-name": "A", plan: "starter", isolation: "poled" };
    expect(refusal(() => request("tenantCreate", isolation))).toContain("did you mean pooled?");
    expect(refusal(() => request("tenantDeploy", { release: "two" }))).toContain(
      "--release: it must be a whole number",
    );
    expect(refusal(() => request("tenantCreate", { label: ["gold"] }))).toContain(
      "--label: it must be NAME=VALUE",
    );
    expect(refusal(() => request("rolloutCreate", { waves: "[" }))).toContain("--waves: it must be JSON");
    expect(refusal(() => request("tenantDeploy", { force: "maybe" }))).toContain("true or false");
  });
});
