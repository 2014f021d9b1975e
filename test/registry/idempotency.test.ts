import { expect, it } from "vitest";
import {
  IDEMPOTENCY_KEY_LIFETIME_MS,
  IDEMPOTENCY_REQUEST_MAX_MS,
  type IdempotencyRequest,
  idempotencyAbandon,
  idempotencyAbandonAll,
  idempotencyBegin,
  idempotencyComplete,
  idempotencyCompleteWithin,
  idempotencyPurge,
  requestDigest,
} from "../../registry/idempotency.ts";
import type { Registry } from "../../registry/registry.ts";
import { tenantCreate, tenantFindBySlug } from "../../registry/tenant.ts";
import { context, settableClock, tenantInput } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const request: IdempotencyRequest = {
  principalId: "key-of-ada",
  key: "k-1",
  requestId: "request-1",
  requestDigest: requestDigest({ method: "post", path: "/v1/control-plane/tenants", body: { slug: "acme" } }),
};

describeDialects("idempotency keys", (create) => {
  it("give the kept answer to the same request", async () => {
    const registry = await (await create()).open();
    expect(await begin(registry)).toEqual({ kind: "fresh" });
    await complete(registry, { status: 201, body: { tenantId: "t" } });
    const replay = await begin(registry, { ...request, requestId: "request-2" });
    expect(replay).toEqual({ kind: "replay", status: 201, body: { tenantId: "t" } });
  });

  it("refuse another request under the same key", async () => {
    const registry = await (await create()).open();
    await begin(registry);
    const other = requestDigest({
      method: "post",
      path: "/v1/control-plane/tenants",
      body: { slug: "bolt" },
    });
    const reuse = begin(registry, { ...request, requestDigest: other });
    await expect(reuse).rejects.toMatchObject({ code: "idempotency_key_reuse", status: 422 });
  });

  it("refuse a second request while the first runs", async () => {
    const registry = await (await create()).open();
    await begin(registry);
    await expect(begin(registry)).rejects.toMatchObject({ code: "idempotency_in_progress", status: 409 });
  });

  it("belong to one principal", async () => {
    const registry = await (await create()).open();
    await begin(registry);
    expect(await begin(registry, { ...request, principalId: "key-of-bob" })).toEqual({ kind: "fresh" });
  });

  it("last a day; one of a request that died lasts minutes", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    await begin(registry);
    clock.advance(IDEMPOTENCY_REQUEST_MAX_MS - 1);
    await expect(begin(registry)).rejects.toMatchObject({ code: "idempotency_in_progress" });
    clock.advance(1);
    expect(await begin(registry)).toEqual({ kind: "fresh" });
    await complete(registry, { status: 200, body: null });
    clock.advance(IDEMPOTENCY_KEY_LIFETIME_MS - 1);
    expect(await begin(registry)).toMatchObject({ kind: "replay" });
    clock.advance(1);
    expect(await begin(registry)).toEqual({ kind: "fresh" });
  });

  it("are kept with the change they belong to, or not at all", async () => {
    const registry = await (await create()).open();
    await begin(registry);
    const crash = registry.change(context, async (change) => {
      await tenantCreate(change, tenantInput("acme"));
      await idempotencyComplete(change, request, { status: 201, body: {} });
      throw new Error("crash");
    });
    await expect(crash).rejects.toThrow("crash");
    expect(await registry.read((db) => tenantFindBySlug(db, "acme"))).toBeUndefined();
    await expect(begin(registry)).rejects.toMatchObject({ code: "idempotency_in_progress" });
  });

  it("that were taken over let the first request change nothing", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    await begin(registry);
    clock.advance(IDEMPOTENCY_REQUEST_MAX_MS);
    const successor = { ...request, requestId: "successor" };
    expect(await begin(registry, successor)).toEqual({ kind: "fresh" });
    const answer = { status: 201, body: {} };
    const late = registry.change(context, async (change) => {
      await tenantCreate(change, tenantInput("acme"));
      await idempotencyCompleteWithin(change, request, answer);
    });
    await expect(late).rejects.toMatchObject({ code: "idempotency_in_progress" });
    expect(await registry.read((db) => tenantFindBySlug(db, "acme"))).toBeUndefined();
    await registry.change(context, async (change) => {
      await tenantCreate(change, tenantInput("acme"));
      await idempotencyCompleteWithin(change, successor, answer);
    });
    expect(await begin(registry, successor)).toMatchObject({ kind: "replay", status: 201 });
  });

  it("of requests that a killed service has not answered are free when it starts again", async () => {
    const registry = await (await create()).open();
    const done = { ...request, key: "done" };
    for (const one of [request, done]) await begin(registry, one);
    await registry.record((record) => idempotencyComplete(record, done, { status: 200, body: null }));
    await registry.record(idempotencyAbandonAll);
    expect(await begin(registry)).toEqual({ kind: "fresh" });
    expect(await begin(registry, done)).toMatchObject({ kind: "replay" });
  });

  it("can be given back by the request that took them, and by no other", async () => {
    const registry = await (await create()).open();
    await begin(registry);
    await registry.record((record) => idempotencyAbandon(record, { ...request, requestId: "other" }));
    await expect(begin(registry)).rejects.toMatchObject({ code: "idempotency_in_progress" });
    await registry.record((record) => idempotencyAbandon(record, request));
    expect(await begin(registry)).toEqual({ kind: "fresh" });
  });

  it("keep no secret of an answer", async () => {
    const registry = await (await create()).open();
    await begin(registry);
    const secret = `tk_abcdefghijkl_${"x".repeat(43)}`;
    await complete(registry, { status: 201, body: { keyId: "abcdefghijkl", secret } });
    const replay = await begin(registry);
    expect(replay).toMatchObject({ kind: "replay", body: { keyId: "abcdefghijkl" } });
    expect(JSON.stringify(replay)).not.toContain(secret);
  });

  it("are purged when they have run out", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    await begin(registry);
    expect(await registry.record(idempotencyPurge)).toBe(0);
    clock.advance(IDEMPOTENCY_REQUEST_MAX_MS);
    expect(await registry.record(idempotencyPurge)).toBe(1);
    expect(await begin(registry)).toEqual({ kind: "fresh" });
  });
});

function begin(registry: Registry, what: IdempotencyRequest = request) {
  return registry.record((record) => idempotencyBegin(record, what));
}

function complete(registry: Registry, response: { status: number; body: unknown }) {
  return registry.record((record) => idempotencyComplete(record, request, response));
}
