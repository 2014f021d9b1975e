import { expect, it } from "vitest";
import { apiKeySchema } from "../../contract/apiKey.ts";
import type { ApiKeyRole, EnvironmentName } from "../../contract/vocabulary.ts";
import {
  apiKeyAuthenticate,
  apiKeyCreate,
  apiKeyExists,
  apiKeyGet,
  apiKeyList,
  apiKeyMarkUsed,
  apiKeyRevoke,
  apiKeyRotate,
  apiKeyUseIsStale,
  rememberedKeys,
} from "../../registry/apiKey.ts";
import type { Registry } from "../../registry/registry.ts";
import { context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects("API keys", (create) => {
  it("authenticate with the secret shown at creation; only a hash is stored", async () => {
    const database = await create();
    const registry = await database.open();
    const find = rememberedKeys(registry);
    const { apiKey, secret } = await make(registry);
    expect(secret).toMatch(/^tk_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$/);
    expect(apiKeySchema.parse(apiKey)).toEqual(apiKey);
    expect(await apiKeyAuthenticate(find, secret)).toEqual(apiKey);

    const stored = JSON.stringify([
      await database.raw("select * from api_keys"),
      await database.raw("select * from audit_events"),
      await database.raw("select * from outbox"),
    ]);
    expect(stored).not.toContain(secret.split("_").slice(2).join("_"));
  });

  it("refuse a wrong secret, an unknown id, another shape, a revoked and an expired key", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const admin = await make(registry);
    const { apiKey, secret } = await make(registry, "fleet_operator", "2026-03-01T10:00:00.000Z");
    const find = rememberedKeys(registry);
    const authenticate = (presented: string) => apiKeyAuthenticate(find, presented, clock.now());
    const wrong = `${secret.slice(0, -1)}${secret.endsWith("A") ? "B" : "A"}`;
    expect(await authenticate(wrong)).toBeUndefined();
    expect(await authenticate(secret.replace(apiKey.keyId, "aaaaaaaaaaaa"))).toBeUndefined();
    expect(await authenticate(secret.replace(apiKey.keyId, admin.apiKey.keyId))).toBeUndefined();
    for (const shape of ["", "tk_", "Bearer x", `${secret}x`, ` ${secret}`, secret.toUpperCase()]) {
      expect(await authenticate(shape)).toBeUndefined();
    }
    expect(await authenticate(secret)).toMatchObject({ keyId: apiKey.keyId });
    clock.advance(60 * 60_000);
    expect(await authenticate(secret)).toBeUndefined();

    const other = await make(registry, "auditor");
    expect(await authenticate(other.secret)).toMatchObject({ keyId: other.apiKey.keyId });
    await revoke(registry, other.apiKey.keyId);
    expect(await authenticate(other.secret)).toBeUndefined();
  });

  it("rotate without a gap: both secrets work until the overlap is over", async () => {
    const clock = settableClock();
    const database = await create();
    const registry = await database.open({ now: clock.now });
    const old = await make(registry, "fleet_operator");
    const { keyId } = old.apiKey;
    const find = rememberedKeys(registry);
    const works = async (secret: string) =>
      (await apiKeyAuthenticate(find, secret, clock.now())) !== undefined;
    expect(await works(old.secret)).toBe(true);
    const fresh = await rotate(registry, keyId, 60);
    expect(fresh.apiKey).toMatchObject({
      ...{ keyId, role: "fleet_operator", rotatedAt: "2026-03-01T09:00:00.000Z" },
      previousExpiresAt: "2026-03-01T10:00:00.000Z",
    });
    expect([await works(old.secret), await works(fresh.secret)]).toEqual([true, true]);
    clock.advance(60 * 60_000 - 1);
    expect([await works(old.secret), await works(fresh.secret)]).toEqual([true, true]);
    clock.advance(1);
    expect([await works(old.secret), await works(fresh.secret)]).toEqual([false, true]);

    const stored = JSON.stringify([
      await database.raw("select * from api_keys"),
      await database.raw("select * from audit_events"),
    ]);
    expect(stored).not.toContain(fresh.secret.split("_").slice(2).join("_"));
    expect(await database.raw("select action from audit_events order by sequence")).toEqual([
      { action: "api_key.created" },
      { action: "api_key.rotated" },
    ]);
  });

  it("rotate at once without an overlap, and end the secret before the last", async () => {
    const registry = await (await create()).open();
    const first = await make(registry);
    const find = rememberedKeys(registry);
    const works = async (secret: string) => (await apiKeyAuthenticate(find, secret)) !== undefined;
    const { keyId } = first.apiKey;
    expect(await works(first.secret)).toBe(true);
    const second = await rotate(registry, keyId, 60);
    const third = await rotate(registry, keyId, 60);
    expect([await works(first.secret), await works(second.secret), await works(third.secret)]).toEqual([
      ...[false, true, true],
    ]);
    const fourth = await rotate(registry, keyId, 0);
    expect([await works(second.secret), await works(third.secret), await works(fourth.secret)]).toEqual([
      ...[false, false, true],
    ]);
  });

  it("do not come back by rotation once they are revoked or have expired", async () => {
    const registry = await (await create()).open();
    await make(registry);
    const revoked = await make(registry, "auditor");
    const both = await rotate(registry, revoked.apiKey.keyId, 60);
    await revoke(registry, revoked.apiKey.keyId);
    const find = rememberedKeys(registry);
    for (const secret of [revoked.secret, both.secret])
      expect(await apiKeyAuthenticate(find, secret)).toBeUndefined();
    const expired = await make(registry, "auditor", "2020-01-01T00:00:00.000Z");
    for (const { apiKey } of [revoked, expired])
      await expect(rotate(registry, apiKey.keyId, 60)).rejects.toMatchObject({ code: "api_key_ended" });
  });

  it("are for some environments or all, and only one for all counts as the last admin", async () => {
    const registry = await (await create()).open();
    const all = await make(registry);
    const { apiKey, secret } = await make(registry, "fleet_admin", null, ["prod", "dev"]);
    expect(apiKey.environments).toEqual(["dev", "prod"]);
    expect(await apiKeyAuthenticate(rememberedKeys(registry), secret)).toMatchObject({
      environments: ["dev", "prod"],
    });
    await expect(revoke(registry, all.apiKey.keyId)).rejects.toMatchObject({ code: "last_admin_key" });
    expect(await revoke(registry, apiKey.keyId)).toMatchObject({ keyId: apiKey.keyId });
  });

  it("keep one usable admin", async () => {
    const registry = await (await create()).open();
    const { apiKey } = await make(registry);
    await make(registry, "fleet_admin", "2020-01-01T00:00:00.000Z");
    await make(registry, "fleet_operator");
    await expect(revoke(registry, apiKey.keyId)).rejects.toMatchObject({
      code: "last_admin_key",
      status: 409,
    });
  });

  it("are not remembered as they were before a revocation that came while they were looked up", async () => {
    const registry = await (await create()).open();
    await make(registry);
    const { apiKey, secret } = await make(registry, "auditor");
    const overtaken: Pick<Registry, "read" | "writes"> = {
      ...registry,
      async read(work) {
        const found = await registry.read(work);
        await revoke(registry, apiKey.keyId);
        return found;
      },
    };
    const find = rememberedKeys(overtaken);
    await apiKeyAuthenticate(find, secret);
    expect(await apiKeyAuthenticate(find, secret)).toBeUndefined();
  });

  it("are looked up again only once something was written, and always where others write too", async () => {
    const registry = await (await create()).open();
    const { apiKey, secret } = await make(registry);
    let reads = 0;
    const counted: Pick<Registry, "read" | "writes"> = {
      ...registry,
      read: (work) => {
        reads += 1;
        return registry.read(work);
      },
    };
    const find = rememberedKeys(counted);
    for (const _turn of [1, 2, 3]) await apiKeyAuthenticate(find, secret);
    expect(reads).toBe(registry.dialect === "sqlite" ? 1 : 3);
    reads = 0;
    await registry.record((record) => apiKeyMarkUsed(record, apiKey.keyId));
    expect((await apiKeyAuthenticate(find, secret))?.lastUsedAt).not.toBeNull();
    expect(reads).toBe(1);
  });

  it("are revoked once, and audited", async () => {
    const database = await create();
    const registry = await database.open();
    const { apiKey } = await make(registry, "fleet_operator");
    const first = await revoke(registry, apiKey.keyId);
    expect(await revoke(registry, apiKey.keyId)).toEqual(first);
    expect(await database.raw("select action, reason from audit_events order by sequence")).toEqual([
      { action: "api_key.created", reason: null },
      { action: "api_key.revoked", reason: "left the company" },
    ]);
  });

  it("show when they were last used, to the minute", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const { apiKey } = await make(registry);
    expect(apiKeyUseIsStale(apiKey, clock.now())).toBe(true);
    await registry.record((record) => apiKeyMarkUsed(record, apiKey.keyId));
    const used = await registry.read((db) => apiKeyGet(db, apiKey.keyId));
    expect(used.lastUsedAt).toBe("2026-03-01T09:00:00.000Z");
    expect(apiKeyUseIsStale(used, clock.now())).toBe(false);
    clock.advance(60_000);
    expect(apiKeyUseIsStale(used, clock.now())).toBe(true);
    await registry.record((record) => apiKeyMarkUsed(record, apiKey.keyId));
    expect((await registry.read((db) => apiKeyGet(db, apiKey.keyId))).lastUsedAt).toBe(
      "2026-03-01T09:01:00.000Z",
    );
  });

  it("are listed newest first without their hashes, page by page", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    expect(await registry.read(apiKeyExists)).toBe(false);
    const ids: string[] = [];
    for (let place = 0; place < 3; place += 1) {
      ids.unshift((await make(registry)).apiKey.keyId);
      clock.advance(1);
    }
    expect(await registry.read(apiKeyExists)).toBe(true);
    const first = await registry.read((db) => apiKeyList(db, { limit: 2 }));
    const second = await registry.read((db) => apiKeyList(db, { limit: 2, cursor: first.nextCursor ?? "" }));
    expect([...first.items, ...second.items].map((key) => key.keyId)).toEqual(ids);
    expect(JSON.stringify(first)).not.toMatch(/hash/i);
  });

  it("that are not there are a problem", async () => {
    const registry = await (await create()).open();
    await expect(revoke(registry, "aaaaaaaaaaaa")).rejects.toMatchObject({ code: "api_key_not_found" });
  });
});

function make(
  registry: Registry,
  role: ApiKeyRole = "fleet_admin",
  expiresAt: string | null = null,
  environments: EnvironmentName[] | null = null,
) {
  const input = { name: `a ${role}`, role, expiresAt, environments };
  return registry.change(context, (change) => apiKeyCreate(change, input));
}

function rotate(registry: Registry, keyId: string, overlapMinutes: number) {
  return registry.change(context, (change) => apiKeyRotate(change, keyId, { overlapMinutes }));
}

function revoke(registry: Registry, keyId: string) {
  return registry.change(context, (change) => apiKeyRevoke(change, keyId, "left the company"));
}
