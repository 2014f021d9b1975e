import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  controlPlane,
  createTenant,
  dump,
  plane,
  releaseBody,
  run,
  startTestService,
  type TestService,
} from "./harness.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

const releases = `${controlPlane}/releases`;
const create = (body: object) => service.call("POST", releases, { body });
const yaml = (raw: string) =>
  service.call("POST", releases, { raw, headers: { "content-type": "application/yaml" } });
const withImage = (image: string) => {
  const body = releaseBody("1.0.0");
  return { ...body, services: { ...body.services, "iam-service": { image } } };
};

describe("the images of a release", () => {
  it("are kept with the digest that their tag stands for, and are looked up once", async () => {
    const { status, body } = await create(releaseBody("1.0.0"));
    expect(status).toBe(201);
    expect(body.services["iam-service"].image).toMatch(
      /^registry\.example\/iam-service:1\.0\.0@sha256:[0-9a-f]{64}$/,
    );
    const again = await create(releaseBody("1.0.0"));
    expect(again.body).toMatchObject({ number: body.number + 1, digest: body.digest });
    const digest = `registry.example/iam-service@sha256:${"b".repeat(64)}`;
    const asked = service.imagesAsked.length;
    expect((await create(withImage(digest))).body.services["iam-service"].image).toBe(digest);
    expect(service.imagesAsked.length - asked).toBe(4);
  });

  it.each([
    ["are refused when the tag is not there", "registry.example/iam-service:missing", 422, "image_not_found"],
    [
      "ask for patience when the registry is away",
      "registry.example/x:away",
      502,
      "image_registry_unavailable",
    ],
  ])("%s", async (_, image, status, code) => {
    const before = await dump(service);
    const answer = await create(withImage(image));
    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.body.errors).toMatchObject([{ path: "body.services.iam-service.image", value: image }]);
    expect(await dump(service)).toBe(before);
  });
});

describe("a patch", () => {
  it("takes over what it does not say, and remembers where it comes from", async () => {
    const first = await create({
      ...releaseBody("2.0.0"),
      ...{ schemaVersion: 5, compatibleSchemas: { from: 4, to: 5 } },
    });
    const from = first.body.number;
    const image = "registry.example/iam-service:2.0.1";
    const second = await create({ from, description: "fix", services: { "iam-service": { image } } });
    expect(second.body).toMatchObject({
      ...{ fromNumber: from, description: "fix", schemaVersion: 5, compatibleSchemas: { from: 4, to: 5 } },
      services: { ...first.body.services, "iam-service": { environment: {} } },
    });
    const { body } = await service.call("GET", `${releases}/${second.body.number}/diff?with=${from}`);
    expect(body).toMatchObject({ from, to: second.body.number, compatible: true, schemaVersion: null });
    expect(body.services).toHaveLength(1);
    expect(body.services[0]).toMatchObject({
      service: "iam-service",
      image: {
        from: expect.stringMatching(/:2\.0\.0@sha256:/),
        to: expect.stringMatching(/:2\.0\.1@sha256:/),
      },
    });
    const contradiction = await create({ from, schemaVersion: 9 });
    expect(contradiction).toMatchObject({
      status: 422,
      body: { errors: [{ path: "body.compatibleSchemas" }] },
    });
    expect((await create({ from: 99_999 })).body).toMatchObject({ code: "release_not_found" });
  });
});

describe("a release in YAML", () => {
  it("is the same as in JSON", async () => {
    const lines = Object.keys(releaseBody("3").services).map(
      (name) => `  ${name}: { image: "r.example/${name}:3" }`,
    );
    const answer = await yaml(
      ["description: of YAML", "notes: |", "  two", "  lines", "services:", ...lines, ""].join("\n"),
    );
    expect(answer).toMatchObject({ status: 201, body: { description: "of YAML", notes: "two\nlines\n" } });
    expect(answer.body.services["audit-service"].image).toContain("r.example/audit-service:3@sha256:");
  });

  it.each([
    ["a field that is not known", "from: 1\ncolour: red\n", { path: "body.colour", line: 2, column: 1 }],
    ["a wrong value", "from: 1\nservices:\n  iam-service:\n    image: no image\n", { line: 4, column: 12 }],
    [
      "a setting like a secret",
      "from: 1\nservices:\n  iam-service:\n    environment: { DB_PASSWORD: x }\n",
      { line: 4 },
    ],
    ["what is no YAML", "from: [1\n", { path: "body", line: 2 }],
    ["two documents", "from: 1\n---\nfrom: 2\n", { path: "body", line: 1 }],
    ["an alias", "from: &a 1\nschemaVersion: *a\n", { line: 1 }],
  ])("tells line and column of %s", async (_, raw, place) => {
    const answer = await yaml(raw);
    expect(answer.status).toBe(422);
    expect(answer.body.errors[0]).toMatchObject({ column: expect.any(Number), ...place });
  });
});

describe("the settings", () => {
  it("may refuse tags, and registries that are not listed", async () => {
    await service.restart([
      "--image-tags",
      "refuse",
      "--image-registries",
      "registry.example,*.corp.example",
    ]);
    expect(await create(releaseBody("9.0.0"))).toMatchObject({
      status: 422,
      body: { code: "image_tag_refused" },
    });
    const digest = `@sha256:${"c".repeat(64)}`;
    const from = (host: string) => ({
      services: Object.fromEntries(
        Object.keys(releaseBody("1").services).map((name) => [name, { image: `${host}/${name}${digest}` }]),
      ),
    });
    const elsewhere = await create(from("registry.exmaple"));
    expect(elsewhere).toMatchObject({ status: 422, body: { code: "image_registry_refused" } });
    expect(elsewhere.body.hint).toBe("Did you mean registry.example?");
    expect(await create(from("eu.corp.example"))).toMatchObject({ status: 201 });
    await service.restart(["--image-tags", "resolve"]);
  });
});

describe("a running target", () => {
  it("takes no release that cannot run with its schema, forward or back", async () => {
    const schema = (version: number, from: number, to: number) => ({
      ...releaseBody(`4.${version}.0`),
      ...{ schemaVersion: version, compatibleSchemas: { from, to } },
    });
    const five = (await create(schema(5, 5, 6))).body.number;
    const six = (await create(schema(6, 5, 7))).body.number;
    const seven = (await create(schema(7, 6, 7))).body.number;
    const tenantId = await createTenant(service, "schema");
    await run(service, `/tenants/${tenantId}/activate`, { releaseNumber: five });
    const deploy = (releaseNumber: number) =>
      service.call("POST", `${controlPlane}/tenants/${tenantId}/deploy`, { body: { releaseNumber } });
    const refused = await deploy(seven);
    expect(refused).toMatchObject({ status: 409, body: { code: "release_incompatible" } });
    expect(refused.body.detail).toContain(
      `release ${seven} can run with schema 6 to 7, and release ${five} has brought schema 5`,
    );
    await run(service, `/tenants/${tenantId}/deploy`, { releaseNumber: six });
    await run(service, `/tenants/${tenantId}/deploy`, { releaseNumber: seven });
    expect(await deploy(five)).toMatchObject({ status: 409, body: { code: "release_incompatible" } });
    await run(service, `/tenants/${tenantId}/deploy`, { releaseNumber: six });
    const { body } = await service.call("GET", `${controlPlane}/tenants/${tenantId}/targets`);
    expect(body.items).toMatchObject([{ planeName: plane, currentReleaseNumber: six, version: "current" }]);
  });
});
