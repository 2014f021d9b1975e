import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  controlPlane,
  createRelease,
  createTenant,
  dump,
  plane,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService(["--reconcile-backoff-ms", "20"]);
  await createRelease(service, "1.0.0");
  await recorded(service);
});
afterAll(() => service.stop());

/** The plane is recorded at the start, in the background. */
async function recorded(of: TestService): Promise<void> {
  await waitFor("the plane", async () => {
    const { status } = await of.call("GET", `${controlPlane}/planes/${plane}`);
    return status === 200 ? true : undefined;
  });
}

interface Options {
  readonly plan?: string;
  readonly state?: string;
  readonly more?: string;
}

function manifest(slug: string, { plan = "starter", state = "draft", more = "" }: Options = {}): string {
  return `apiVersion: tenantry.dev/v1
kind: Tenant
metadata:
  slug: ${slug}
spec:
  displayName: ${slug}
  plan: ${plan}
  state: ${state}
  planes: [${plane}]
${more}`;
}

const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  service.call("POST", `${controlPlane}${path}`, { body, headers });
const apply = (...documents: unknown[]) => post("/manifests/apply", { documents });
const yaml = (path: string, raw: string) =>
  service.call("POST", `${controlPlane}${path}`, { raw, headers: { "content-type": "application/yaml" } });
const tenantBySlug = async (slug: string) =>
  (await service.call("GET", `${controlPlane}/tenants?slugPrefix=${slug}`)).body.items[0];
const exported = (slug: string) => service.call("GET", `${controlPlane}/manifests/tenants/${slug}`);

/** The tenant when it is in the status, with nothing left to do. */
async function reached(slug: string, status: string) {
  return waitFor(`${slug} to be ${status}`, async () => {
    const tenant = await tenantBySlug(slug);
    return tenant?.status === status ? tenant : undefined;
  });
}

describe("applying manifests", () => {
  it("records tenants as YAML or JSON, and the same again changes nothing", async () => {
    const first = await yaml("/manifests/apply", manifest("first"));
    expect(first).toMatchObject({
      status: 200,
      body: { dryRun: false, tenants: [{ slug: "first", result: "create", file: "manifest", line: 1 }] },
    });
    expect(await tenantBySlug("first")).toMatchObject({
      status: "draft",
      managedBy: "manifest",
      recordVersion: 1,
    });
    const before = await dump(service);
    const again = await apply(manifest("first"));
    expect(again.body.tenants[0]).toMatchObject({ result: "none", changes: [], operations: [] });
    expect(await dump(service)).toBe(before);
  });

  it("takes a folder, several documents a file, in one request", async () => {
    const folder = new URL("../../examples/manifests/", import.meta.url);
    const documents = readdirSync(folder).map((file) => ({
      file,
      text: readFileSync(new URL(file, folder), "utf8"),
    }));
    const dry = await service.call("POST", `${controlPlane}/manifests/apply?dryRun=true`, {
      body: { documents },
    });
    expect(dry.body.tenants.map((tenant: { result: string }) => tenant.result)).toEqual([
      "create",
      "create",
      "create",
    ]);
    expect(await tenantBySlug("acme")).toBeUndefined();
    const { status, body } = await post("/manifests/apply", { documents });
    expect(status).toBe(200);
    expect(body.tenants.map(({ slug, file }: { slug: string; file: string }) => `${file}/${slug}`)).toEqual([
      "acme.yaml/acme",
      "globex.yaml/globex",
      "globex.yaml/initech",
    ]);
    await reached("acme", "active");
    await reached("globex", "active");
    expect(await tenantBySlug("initech")).toMatchObject({ status: "draft", suspensionMode: "access" });
  });

  it("checks all before it writes any, and names file, line and column of each problem", async () => {
    const before = await dump(service);
    const bad = { file: "b.yaml", text: manifest("bad", { plan: "Gold!", more: "  colour: red\n" }) };
    const answer = await apply({ file: "a.yaml", text: manifest("good") }, bad, {
      file: "c.yaml",
      text: manifest("good"),
    });
    expect(answer).toMatchObject({ status: 422, body: { code: "manifest_invalid" } });
    expect(answer.body.detail).toContain("b.yaml:7:9 spec.plan");
    expect(answer.body.errors).toEqual([
      expect.objectContaining({ file: "b.yaml", line: 7, column: 9, path: "spec.plan" }),
      expect.objectContaining({ file: "b.yaml", line: 10, column: 3, path: "spec.colour" }),
      expect.objectContaining({
        file: "c.yaml",
        line: 4,
        column: 9,
        message: expect.stringContaining("a.yaml:1"),
      }),
    ]);
    expect(await dump(service)).toBe(before);
  });

  it("refuses what the registry does not know, and what a manifest cannot do", async () => {
    const cases = [
      [manifest("other", { plan: "gold" }), "spec.plan", 7],
      [manifest("other", { state: "active", more: "  release: 99\n" }), "spec.release", 10],
      [manifest("other", { state: "archived" }), "spec.state", 8],
      [manifest("other", { state: "decommissioned" }), "spec.state", 8],
      [manifest("other", { state: "active" }).replace(plane, "dev-us-east-1"), "spec.planes.0", 9],
      [manifest("other", { more: "  regions: { allowed: [us-east-1] }\n" }), "spec.planes.0", 9],
      [manifest("acme", { state: "draft" }), "spec.state", 8],
      [manifest("acme", { state: "active", more: "  isolation: dedicated\n" }), "spec.isolation", 10],
      [manifest("other", { more: "  isolation: dedicated\n" }), "spec.isolation", 10],
    ] as const;
    await reached("acme", "active");
    for (const [text, path, line] of cases) {
      const { status, body } = await apply(text);
      expect({ status, code: body.code, path: body.errors[0]?.path, line: body.errors[0]?.line }).toEqual({
        status: 422,
        code: "manifest_invalid",
        path,
        line,
      });
    }
  });

  it.each([
    ["a bomb", ["a: &a [x, x]", "b: &b [*a, *a]", "c: [*b, *b]"].join("\n"), "anchor"],
    ["a cycle", "a: &a\n  b: *a\n", "anchor"],
    ["keys that are no text", "1: x\n? [a]\n: y\n", "no text"],
    ["brackets without end", "[".repeat(900_000), "too much"],
    ["a key twice", "kind: Tenant\nkind: Tenant\n", "twice"],
    ["a directive", "%YAML 1.1\n---\na: b\n", "directive"],
  ])("refuses %s and changes nothing", async (_name, text, words) => {
    const before = await dump(service);
    const { status, body } = await yaml("/manifests/apply", text);
    expect({ status, code: body.code }).toEqual({ status: 422, code: "manifest_invalid" });
    expect(body.errors[0]).toMatchObject({
      line: expect.any(Number),
      message: expect.stringContaining(words),
    });
    expect(await dump(service)).toBe(before);
  });

  it("puts the tenant's own id into its references, and takes it out again", async () => {
    const secretRefs = '{ SMTP: "/dev/tenants/{tenantId}/iam-service/smtp" }';
    const text = manifest("own-secrets", { more: `  config: { secretRefs: ${secretRefs} }\n` });
    await apply(text);
    const { tenantId, config } = await tenantBySlug("own-secrets");
    expect(config.secretRefs).toEqual({ SMTP: `/dev/tenants/${tenantId}/iam-service/smtp` });
    expect((await apply(text)).body.tenants[0]).toMatchObject({ result: "none" });
    const { body } = await exported("own-secrets");
    expect(body).toContain("/dev/tenants/{tenantId}/iam-service/smtp");
    const moved = (
      await post("/manifests/diff", { documents: [text.replace("iam-service", "audit-service")] })
    ).body;
    expect(moved.tenants[0].changes).toEqual([
      {
        path: "spec.config.secretRefs.SMTP",
        from: "/dev/tenants/{tenantId}/iam-service/smtp",
        to: "/dev/tenants/{tenantId}/audit-service/smtp",
      },
    ]);
  });

  it("answers a body above 1 MB and one that is no UTF-8", async () => {
    const large = await yaml("/manifests/apply", `# ${"x".repeat(1_100_000)}`);
    expect(large).toMatchObject({ status: 413, body: { code: "body_too_large" } });
    const response = await fetch(`${service.url()}${controlPlane}/manifests/apply`, {
      method: "POST",
      headers: { authorization: `Bearer ${service.adminKey}`, "content-type": "application/yaml" },
      body: new Uint8Array([0x61, 0xff, 0xfe]),
    });
    expect(response.status).toBe(415);
  });

  it("answers the same to the same Idempotency-Key", async () => {
    const headers = { "idempotency-key": "apply-1" };
    const body = { documents: [manifest("keyed-a"), manifest("keyed-b")] };
    const first = await post("/manifests/apply", body, headers);
    const second = await post("/manifests/apply", body, headers);
    expect(first.body.tenants).toHaveLength(2);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
  });
});

describe("comparing and exporting", () => {
  it("tells each field that differs and what would follow, and changes nothing", async () => {
    const acme = await reached("acme", "active");
    const { body: text } = await exported("acme");
    const before = await dump(service);
    const { body } = await post("/manifests/diff", {
      documents: [text.replace("plan: starter", "plan: business").replace("tier: gold", "tier: silver")],
    });
    expect(body.tenants[0]).toMatchObject({
      tenantId: acme.tenantId,
      result: "change",
      changes: [
        { path: "metadata.labels.tier", from: "gold", to: "silver" },
        { path: "spec.plan", from: "starter", to: "business" },
      ],
      operations: [{ action: "deploy", planes: [plane] }],
    });
    expect(await dump(service)).toBe(before);
  });

  it("exports what, applied again, changes nothing, of tenants of either kind", async () => {
    await createTenant(service, "by-api", {
      labels: { yes: "no", n: "1" },
      primaryDomain: "app.by-api.example",
    });
    const list = await service.call("GET", `${controlPlane}/manifests/tenants?limit=100`);
    const texts = list.body.items.map(({ text }: { text: string }) => text);
    const { body } = await post("/manifests/diff", { documents: texts });
    const changes = Object.fromEntries(
      body.tenants.map((tenant: { slug: string; changes: unknown[] }) => [tenant.slug, tenant.changes]),
    );
    const { "by-api": byApi, ...others } = changes;
    expect(byApi).toEqual([{ path: "managedBy", from: "api", to: "manifest" }]);
    expect(Object.values(others).flat()).toEqual([]);
    expect(list.body.items.length).toBeGreaterThan(4);
    const yamlAnswer = await exported("by-api");
    expect(yamlAnswer.headers.get("content-type")).toContain("application/yaml");
    expect(await exported("nobody-here")).toMatchObject({ status: 404, body: { code: "tenant_not_found" } });
  });
});

describe("a tenant that a manifest manages", () => {
  it("refuses other edits, unless forced with a reason, which is audited and holds until the next apply", async () => {
    const text = manifest("managed", { state: "active" });
    await apply(text);
    const { tenantId } = await reached("managed", "active");
    const patch = (headers: Record<string, string> = {}) =>
      service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body: { plan: "business" }, headers });
    expect(await patch()).toMatchObject({ status: 409, body: { code: "managed_by_manifest" } });
    expect(await post(`/tenants/${tenantId}/suspend`, {})).toMatchObject({
      status: 409,
      body: { code: "managed_by_manifest" },
    });
    expect(await patch({ "x-tenantry-force-reason": "x" })).toMatchObject({ status: 422 });
    const forced = await patch({ "x-tenantry-force-reason": "incident 4711" });
    expect(forced).toMatchObject({ status: 200, body: { plan: "business", managedBy: "manifest" } });
    const events = await service.call(
      "GET",
      `${controlPlane}/audit/events?tenantId=${tenantId}&action=manifest.forced`,
    );
    expect(events.body.items[0]).toMatchObject({ reason: "incident 4711", details: { what: "change" } });
    const diff = await post("/manifests/diff", { documents: [text] });
    expect(diff.body.tenants[0].changes).toEqual([
      { path: "spec.plan", from: "business", to: "starter" },
      { path: "heldReason", from: "incident 4711", to: null },
    ]);
    // Back to the smaller plan: a policy asks why.
    expect(await apply(text)).toMatchObject({ status: 403, body: { code: "policy_denied" } });
    await post("/manifests/apply?reason=incident%20is%20over", { documents: [text] });
    expect(await tenantBySlug("managed")).toMatchObject({ plan: "starter" });
    expect((await post("/manifests/diff", { documents: [text] })).body.tenants[0].result).toBe("none");
  });

  it("takes edits again when it is released, and stays as it is", async () => {
    await apply(manifest("leaving"));
    const released = await post("/manifests/tenants/leaving/release", { reason: "moved to the portal" });
    expect(released).toMatchObject({ status: 200, body: { slug: "leaving", managedBy: "api" } });
    const at = `${controlPlane}/tenants/${released.body.tenantId}`;
    expect(await service.call("PATCH", at, { body: { plan: "business" } })).toMatchObject({ status: 200 });
    const again = await post("/manifests/tenants/leaving/release", { reason: "moved to the portal" });
    expect(again).toMatchObject({ status: 409, body: { code: "illegal_transition" } });
  });

  it("is not deleted when its manifest is gone, and can be decommissioned by an explicit call", async () => {
    await apply(manifest("orphan"));
    await apply(manifest("somebody-else"));
    const { tenantId } = await tenantBySlug("orphan");
    const body = { confirmSlug: "orphan", reason: "contract ended" };
    expect(await post(`/tenants/${tenantId}/decommission`, body)).toMatchObject({ status: 202 });
  });
});
