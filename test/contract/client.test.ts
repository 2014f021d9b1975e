import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestService, type TestService } from "../service/harness.ts";

/** The package as a stranger gets it: packed, unpacked somewhere else, used from plain JavaScript, checked by the compiler. */
const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), "tenantry-client-"));
const run = promisify(execFile);
let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  const { stdout } = await run("npm", ["pack", "--json", "--silent", "--pack-destination", folder], {
    cwd: path.join(root, "client"),
  });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf("["))) as [{ filename: string }];
  const installed = path.join(folder, "node_modules/@tenantry/client");
  mkdirSync(installed, { recursive: true });
  await run("tar", ["-xzf", path.join(folder, filename), "-C", installed, "--strip-components=1"]);
  for (const name of ["openapi-fetch", "openapi-typescript-helpers", "zod"])
    symlinkSync(path.join(root, "node_modules", name), path.join(folder, "node_modules", name));
});
afterAll(async () => {
  await service.stop();
  rmSync(folder, { recursive: true, force: true });
});

it("works from the packed files alone", async () => {
  const consumer = path.join(folder, "use.mjs");
  writeFileSync(
    consumer,
    `import { createTenantryClient, pageItems, taken } from "@tenantry/client";
import { queueReader, queueWriter } from "@tenantry/client/queue";
const client = createTenantryClient({ url: process.env.URL, apiKey: process.env.KEY });
const tenants = "/v1/control-plane/tenants";
for (const slug of ["acme", "globex"])
  taken(await client.POST(tenants, { body: { slug, displayName: slug, plan: "starter" } }));
const slugs = [];
const page = (cursor) => client.GET(tenants, { params: { query: { limit: 1, cursor } } });
for await (const tenant of pageItems(page)) slugs.push(tenant.slug);
const refused = await client.POST(tenants, { body: { slug: "acme", displayName: "x", plan: "starter" } }).then(taken).catch((error) => error.code);
const tenantId = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
const writer = queueWriter({ tenantId, workspaceId: tenantId, newId: () => crypto.randomUUID(), now: () => new Date() });
const { payload } = queueReader({ tenantId }).read(writer.write({ type: "a.b", version: 1, correlationId: "c", payload: { n: 1 } }));
console.log(JSON.stringify({ slugs, refused, payload }));`,
  );
  const env = { ...process.env, URL: service.url(), KEY: service.adminKey };
  const { stdout } = await run(process.execPath, [consumer], { env });
  expect(JSON.parse(stdout)).toEqual({
    slugs: ["globex", "acme"],
    refused: "duplicate_slug",
    payload: { n: 1 },
  });
});

it("has types that a consumer's compiler takes, and that refuse what the API refuses", async () => {
  writeFileSync(
    path.join(folder, "use.ts"),
    `import { createTenantryClient, taken, type Schemas } from "@tenantry/client";
import { queueReader, type QueueMessage } from "@tenantry/client/queue";
const client = createTenantryClient({ url: "http://127.0.0.1", apiKey: "k" });
export const tenant: Schemas["Tenant"] = taken(
  await client.GET("/v1/control-plane/tenants/{tenantId}", { params: { path: { tenantId: "t" } } }),
);
export const message: QueueMessage = queueReader({ tenantId: "t" }).read("{}");
// @ts-expect-error no such path
await client.GET("/v1/control-plane/tenant");
// @ts-expect-error no such parameter
await client.GET("/v1/control-plane/tenants", { params: { query: { surprise: 1 } } });
// @ts-expect-error no slug
await client.POST("/v1/control-plane/tenants", { body: { displayName: "x", plan: "starter" } });
`,
  );
  const options = {
    module: "nodenext",
    target: "es2024",
    strict: true,
    noEmit: true,
    types: [],
    skipLibCheck: false,
  };
  writeFileSync(
    path.join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: { ...options, lib: ["es2024", "dom", "dom.iterable"] },
      files: ["use.ts"],
    }),
  );
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const compiler = path.join(root, "node_modules/typescript/bin/tsc");
  const { stdout } = await run(process.execPath, [compiler, "-p", folder]).catch((error) => error);
  expect(stdout).toBe("");
});

it("packs what it needs and no test", () => {
  const listed = JSON.parse(
    readFileSync(path.join(folder, "node_modules/@tenantry/client/package.json"), "utf8"),
  );
  expect(Object.keys(listed.exports)).toEqual([".", "./queue"]);
  expect(readFileSync(path.join(folder, "node_modules/@tenantry/client/README.md"), "utf8")).toContain(
    "TenantryError",
  );
});
