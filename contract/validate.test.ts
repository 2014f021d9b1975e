import { describe, expect, it } from "vitest";
import { type ErrorCode, ProblemError } from "./errors.ts";
import { releaseCreateSchema } from "./release.ts";
import { rolloutCreateSchema } from "./rollout.ts";
import { tenantCreateSchema, tenantListQuerySchema, tenantUpdateSchema } from "./tenant.ts";
import { validate } from "./validate.ts";
import { SERVICE_NAMES } from "./vocabulary.ts";

const good = { slug: "acme", displayName: "Acme Ltd", plan: "starter" };
const create = (change: object) =>
  problemOf(() => validate(tenantCreateSchema, { ...good, ...change }, "body"));

function problemOf(run: () => unknown): ProblemError {
  try {
    run();
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
  throw new Error("Nothing was refused.");
}

describe("validation of a tenant", () => {
  it("fills in what may be left out", () => {
    expect(validate(tenantCreateSchema, good, "body")).toEqual({
      ...good,
      primaryDomain: null,
      labels: {},
      planes: [],
      config: { settings: {}, secretRefs: {} },
      isolation: "pooled",
      regions: { allowed: [], preferred: [] },
      suspensionMode: "workloads",
      dataClassification: "confidential",
    });
  });

  it.each(["acme", "a-b", "abc", "a".repeat(40), "a1-2b"])("takes the slug %s", (slug) => {
    expect(validate(tenantCreateSchema, { ...good, slug }, "body").slug).toBe(slug);
  });

  it.each([
    "../x",
    "ab",
    "a".repeat(41),
    "Acme",
    "1acme",
    "acme-",
    "-acme",
    "ac me",
    "acmé",
    "a.b",
    "",
    "xn--acme",
    "acme\n",
  ])("refuses the slug %j and names it", (slug) => {
    const problem = create({ slug });
    expect(problem).toMatchObject({ code: "invalid_request", status: 422 });
    expect(problem.options.errors?.[0]).toMatchObject({ path: "body.slug", value: slug });
  });

  it.each<[object, ErrorCode, string]>([
    [{ plan: "Platinum!" }, "unknown_plan", "body.plan"],
    [{ plan: 7 }, "invalid_request", "body.plan"],
    [{ plan: undefined }, "invalid_request", "body.plan"],
    [{ plan: "platinum", slug: "../x" }, "invalid_request", "body.slug"],
    [{ colour: "blue" }, "invalid_request", "body.colour"],
    [{ displayName: "" }, "invalid_request", "body.displayName"],
    [{ displayName: "x".repeat(121) }, "invalid_request", "body.displayName"],
    [{ displayName: "a\u0000b" }, "invalid_request", "body.displayName"],
    [{ primaryDomain: "not a domain" }, "invalid_request", "body.primaryDomain"],
    [{ planes: ["dev"] }, "invalid_request", "body.planes.0"],
    [{ planes: ["dev-eu-west-1", "dev-eu-west-1"] }, "invalid_request", "body.planes"],
    [{ labels: { "Tier!": "gold" } }, "invalid_request", "body.labels.Tier!"],
    [{ config: { settings: { "a-b": "1" } } }, "invalid_request", "body.config.settings.a-b"],
    [{ config: { settings: { A: "x".repeat(2_049) } } }, "invalid_request", "body.config.settings.A"],
    [{ config: { secrets: {} } }, "invalid_request", "body.config.secrets"],
  ])("refuses %j as %s at %s", (change, code, path) => {
    const problem = create(change);
    expect(problem.code).toBe(code);
    expect(problem.options.errors?.map((error) => error.path)).toContain(path);
    expect(problem.options.hint).toBeTruthy();
  });

  it("says what a plan's key looks like", () => {
    const problem = create({ plan: "Platinum Plus" });
    expect(problem.options.errors?.[0]).toMatchObject({
      path: "body.plan",
      value: "Platinum Plus",
      message: expect.stringContaining("must be a plan's key"),
    });
  });

  it("refuses a body that is no object", () => {
    for (const body of [null, [], "x", 1, undefined]) {
      const problem = problemOf(() => validate(tenantCreateSchema, body, "body"));
      expect(problem.code).toBe("invalid_request");
      expect(problem.options.errors?.[0]?.path).toBe("body");
    }
  });

  it("counts labels and settings", () => {
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, place) => [`k${place}`, "v"]));
    expect(create({ labels: many }).options.errors?.[0]?.message).toMatch(/more than 50 labels/);
    expect(create({ config: { settings: many } }).options.errors?.[0]?.message).toMatch(
      /more than 100 settings/,
    );
  });

  it("lists no more errors than a person reads", () => {
    const settings = Object.fromEntries(Array.from({ length: 60 }, (_, place) => [`${place}-`, "v"]));
    expect(create({ config: { settings } }).options.errors).toHaveLength(20);
  });
});

describe("secrets in a request", () => {
  it.each([
    { settings: { DB_PASSWORD: "hunter2" } },
    { settings: { DATABASE_URL: "postgres://a:hunter2@db/x" } },
    { settings: { NOTE: "AKIAIOSFODNN7EXAMPLE" } },
    { secretRefs: { SMTP: "hunter2" } },
    { secretRefs: { SMTP: "/dev/../prod/smtp" } },
    { secretRefs: { SMTP: "/one-part" } },
    { secretRefs: { SMTP: "s3cr3t value" } },
    { secretRefs: { SMTP: "/dev/AKIAIOSFODNN7EXAMPLE" } },
    { secretRefs: { SMTP: "arn:aws:iam::123456789012:role/x" } },
  ])("are refused and never repeated: %j", (config) => {
    const problem = create({ config });
    expect(problem.code).toBe("secret_value_refused");
    expect(problem.options.hint).toBeTruthy();
    const told = JSON.stringify(problem.toProblem("r"));
    for (const value of Object.values(config).flatMap((part) => Object.values(part))) {
      expect(told).not.toContain(value);
    }
  });

  it.each([
    "/dev/tenants/acme/iam-service/smtp",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:dev/acme/smtp-AbC123",
    "arn:aws:ssm:eu-west-1:123456789012:parameter/dev/acme/smtp",
  ])("may be referred to by %s", (reference) => {
    const config = { secretRefs: { SMTP_PASSWORD: reference } };
    const tenant = validate(tenantCreateSchema, { ...good, config }, "body");
    expect(tenant.config.secretRefs).toEqual(config.secretRefs);
  });

  it("are not repeated when a field is wrong for another reason", () => {
    const problem = create({ displayName: ["AKIAIOSFODNN7EXAMPLE"], primaryDomain: "AKIAIOSFODNN7EXAMPLE" });
    expect(JSON.stringify(problem.toProblem())).not.toContain("AKIAIOSFODNN7EXAMPLE");
  });
});

describe("validation of other requests", () => {
  const refused = (run: () => unknown) => problemOf(run).options.errors?.[0];

  it("wants an update to change something", () => {
    expect(refused(() => validate(tenantUpdateSchema, {}, "body"))?.message).toMatch(/at least one field/);
    expect(validate(tenantUpdateSchema, { primaryDomain: null }, "body")).toEqual({ primaryDomain: null });
  });

  it("reads and bounds a page", () => {
    expect(validate(tenantListQuerySchema, { limit: "10" }, "query")).toMatchObject({ limit: 10 });
    expect(validate(tenantListQuerySchema, {}, "query")).toMatchObject({ limit: 50 });
    for (const limit of ["0", "201", "x", "1.5"]) {
      expect(refused(() => validate(tenantListQuerySchema, { limit }, "query"))?.path).toBe("query.limit");
    }
    expect(refused(() => validate(tenantListQuerySchema, { offset: "1" }, "query"))?.path).toBe(
      "query.offset",
    );
    expect(refused(() => validate(tenantListQuerySchema, { label: "gold" }, "query"))?.message).toMatch(
      /name=value/,
    );
  });

  it.each([
    ["registry.example/x:1.0.0", true],
    [`registry.example:5000/a/b@sha256:${"a".repeat(64)}`, true],
    ["registry.example/x", false],
    ["registry.example/x:latest", false],
    ["registry.example/x@sha256:abc", false],
    ["https://registry.example/x:1", false],
    ["x:1; rm -rf /", false],
  ])("takes the image %s: %s", (image, taken) => {
    const services = Object.fromEntries(SERVICE_NAMES.map((name) => [name, { image }]));
    expect(releaseCreateSchema.safeParse({ services }).success).toBe(taken);
  });

  it("wants all five services in a release, and no other", () => {
    const services = Object.fromEntries(SERVICE_NAMES.map((name) => [name, { image: "r/x:1" }]));
    const { "iam-service": _iam, ...four } = services;
    expect(refused(() => validate(releaseCreateSchema, { services: four }, "body"))?.path).toBe(
      "body.services.iam-service",
    );
    const six = { ...services, "mail-service": { image: "r/x:1" } };
    expect(refused(() => validate(releaseCreateSchema, { services: six }, "body"))?.path).toBe(
      "body.services.mail-service",
    );
  });

  it("takes waves by cohort, percentage and count, and fills in what a rollout leaves out", () => {
    const tenantIds = ["0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11"];
    const waves = [{ cohort: { tenantIds }, count: 1 }, { percentage: 50, maxConcurrency: "25%" }, {}];
    const rollout = { change: { kind: "release", releaseNumber: 2 }, waves };
    expect(validate(rolloutCreateSchema, rollout, "body")).toEqual({
      ...rollout,
      scope: {},
      maxConcurrency: "10%",
      failureTolerance: 0,
      concurrencyMode: "soft",
      bakeMs: 0,
      healthGate: { cloud: true },
      approval: false,
      onExceeded: "halt",
      whenBusy: "refuse",
      stuckAfterMs: 1_800_000,
    });
    for (const wave of [
      { percentage: 50, count: 1 },
      { percentage: 0 },
      { percentage: 101 },
      { cohort: { tenantIds: [] } },
      { cohort: { exclude: {} } },
      { maxConcurrency: 0 },
      { maxConcurrency: "0%" },
      { failureTolerance: "101%" },
      { healthGate: { metric: { url: "https://prom.example", query: "up" } } },
    ]) {
      const error = refused(() => validate(rolloutCreateSchema, { ...rollout, waves: [wave] }, "body"));
      expect(error?.path).toMatch(/^body\.waves\.0/);
    }
  });

  it("refuses to roll back repairs, which cannot be taken back", () => {
    const repair = { change: { kind: "drift_repair", findingsDigest: "d" }, onExceeded: "rollback" };
    expect(refused(() => validate(rolloutCreateSchema, repair, "body"))).toMatchObject({
      path: "body.onExceeded",
      message: expect.stringContaining("must be halt for a drift_repair"),
    });
    const halting = validate(rolloutCreateSchema, { ...repair, onExceeded: "halt" }, "body");
    expect(halting.onExceeded).toBe("halt");
    const release = { change: { kind: "release", releaseNumber: 2 }, onExceeded: "rollback" };
    expect(validate(rolloutCreateSchema, release, "body").onExceeded).toBe("rollback");
  });

  it("takes a change of a field only with a value that the field takes", () => {
    const withChange = (field: string, value: string | null) => () =>
      validate(rolloutCreateSchema, { change: { kind: "field", field, value } }, "body");
    expect(withChange("settings.LOG_LEVEL", "debug")().change).toMatchObject({ value: "debug" });
    expect(withChange("settings.LOG_LEVEL", null)().change).toMatchObject({ value: null });
    expect(withChange("dataClassification", "restricted")().change).toMatchObject({ value: "restricted" });
    expect(refused(withChange("settings.DB_PASSWORD", "hunter2"))?.path).toBe("body.change.value");
    expect(refused(withChange("secretRefs.SMTP", "hunter2"))?.path).toBe("body.change.value");
    expect(refused(withChange("dataClassification", "loud"))?.path).toBe("body.change.value");
    expect(refused(withChange("slug", "acme"))?.path).toBe("body.change.field");
  });
});

describe("what is wrong with a field", () => {
  it.each<[object, string]>([
    [{ slug: undefined }, "is missing"],
    [{ slug: 7 }, "must be text, got a number"],
    [{ planes: {} }, "must be a list, got an object"],
    [{ slug: "ab" }, "must have at least 3 characters"],
    [{ displayName: "x".repeat(121) }, "must have at most 120 characters"],
    [{ isolation: "none" }, "must be one of pooled, hybrid, dedicated, account"],
    [{ labels: { "Tier!": "gold" } }, "must be lowercase letters, digits and . _ / - between them"],
  ])("%j is told in words", (change, message) => {
    expect(create(change).options.errors?.[0]?.message).toBe(message);
  });
});
