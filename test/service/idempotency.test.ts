import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ProblemError } from "../../contract/errors.ts";
import { tenantCreateSchema } from "../../contract/tenant.ts";
import { openRegistry, type Registry } from "../../registry/registry.ts";
import { tenantCreate } from "../../registry/tenant.ts";
import { tenantList } from "../../registry/tenantList.ts";
import { createIdempotencyStore } from "../../service/http/idempotency.ts";

const actor = { kind: "system", id: "test", name: "test" } as const;
const input = tenantCreateSchema.parse({ slug: "acme", displayName: "Acme", plan: "starter" });
const claim = { principalId: "key", key: "one", requestId: "first", requestDigest: "d".repeat(64) };
let folder: string;
let registry: Registry;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tenantry-idempotency-"));
  registry = await openRegistry({ file: join(folder, "registry.sqlite") });
});
afterEach(async () => {
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

function createTenant(fail: boolean): Promise<unknown> {
  const store = createIdempotencyStore(registry);
  return registry.change({ actor, requestId: "first", correlationId: "first" }, async (change) => {
    const tenant = await tenantCreate(change, input);
    await store.completeWithin(change, claim, { status: 201, body: tenant });
    if (fail) throw new Error("the process dies here");
    return tenant;
  });
}

it("keeps the answer with the change, so that a crash right after it replays instead of doing it twice", async () => {
  const store = createIdempotencyStore(registry);
  expect(await store.begin(claim)).toBeUndefined();
  const tenant = await createTenant(false);
  expect(await store.begin({ ...claim, requestId: "second" })).toMatchObject({ status: 201, body: tenant });
});

it("keeps no answer of a change that was undone", async () => {
  const store = createIdempotencyStore(registry);
  await store.begin(claim);
  await expect(createTenant(true)).rejects.toThrow("dies here");
  await store.fail(claim, new ProblemError("internal", { detail: "died" }));
  expect(await store.begin({ ...claim, requestId: "second" })).toBeUndefined();
  expect((await registry.read((db) => tenantList(db, { limit: 10 }))).items).toEqual([]);
});

it("does not let a failure after the commit overwrite the kept answer", async () => {
  const store = createIdempotencyStore(registry);
  await store.begin(claim);
  await createTenant(false);
  await store.fail(claim, new ProblemError("invalid_request", { detail: "too late" }));
  expect(await store.begin({ ...claim, requestId: "second" })).toMatchObject({ status: 201 });
});

it("forgets a refusal for rights that may be given meanwhile, and keeps one for what was asked", async () => {
  const store = createIdempotencyStore(registry);
  const refuse = async (code: "not_entitled" | "forbidden" | "policy_denied" | "secret_value_refused") => {
    const own = { ...claim, key: code };
    await store.begin(own);
    await store.fail(own, new ProblemError(code, { detail: "No." }));
    return store.begin({ ...own, requestId: "second" });
  };
  for (const code of ["not_entitled", "forbidden", "policy_denied"] as const)
    expect(await refuse(code), code).toBeUndefined();
  expect(await refuse("secret_value_refused")).toMatchObject({ status: 422 });
});
