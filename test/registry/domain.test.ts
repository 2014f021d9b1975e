import { generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import { DOMAIN_LIMITS } from "../../contract/domain.ts";
import {
  domainCreate,
  domainGet,
  domainHolder,
  domainList,
  domainSeen,
  domainSet,
  domainsDue,
} from "../../registry/domain.ts";
import type { Registry } from "../../registry/registry.ts";
import { routeSet, routingLatest, routingRollback } from "../../registry/routing.ts";
import { createSigner } from "../../service/signing/signer.ts";
import { addTarget, addTenant, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const planeName = "dev-eu-west-1";
const signer = createSigner(generateKeyPairSync("ed25519").privateKey);
const making = { services: ["iam-service"], sharedHost: null, signer };
const claim = (registry: Registry, tenantId: string, domain: string) =>
  registry.change(context, (change) => domainCreate(change, { tenantId, planeName, domain }, null));
const verified = (registry: Registry, domain: Awaited<ReturnType<typeof claim>>) =>
  registry.change(context, (change) => domainSet(change, domain, { status: "verified" }, "verified", {}));

describeDialects("tenants' domains", (create) => {
  it("are verified for one tenant only, whatever the code above believes", async () => {
    const registry = await (await create()).open();
    const [one, other] = [await addTenant(registry, "one"), await addTenant(registry, "other")];
    const first = await claim(registry, one.tenantId, "shop.test");
    const second = await claim(registry, other.tenantId, "shop.test");
    await verified(registry, first);
    await expect(verified(registry, second)).rejects.toThrow();
    expect(await registry.read((db) => domainHolder(db, "shop.test"))).toMatchObject({
      tenantId: one.tenantId,
    });
    const lapsed = await registry.read((db) => domainGet(db, one.tenantId, first.domainId));
    await registry.change(context, (change) => domainSet(change, lapsed, { status: "lapsed" }, "lapsed", {}));
    expect(await verified(registry, second)).toMatchObject({ status: "verified", recordVersion: 2 });
    await registry.close();
  });

  it("are bounded, listed by page, and can be claimed again once given up", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "one");
    for (let n = 0; n < DOMAIN_LIMITS.perTenant; n += 1) await claim(registry, tenantId, `d${n}.test`);
    await expect(claim(registry, tenantId, "more.test")).rejects.toMatchObject({ code: "too_many_domains" });
    await expect(claim(registry, tenantId, "d7.test")).rejects.toMatchObject({ code: "duplicate_domain" });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const query = { limit: 20, removed: false, ...(cursor !== undefined && { cursor }) };
      const page = await registry.read((db) => domainList(db, tenantId, query));
      seen.push(...page.items.map(({ domain }) => domain));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(DOMAIN_LIMITS.perTenant);
    expect(seen).toHaveLength(DOMAIN_LIMITS.perTenant);
    const { items } = await registry.read((db) => domainList(db, tenantId, { limit: 1, removed: false }));
    const [given] = items;
    if (given === undefined) throw expect.unreachable("there are fifty");
    await registry.change(context, (change) =>
      domainSet(change, given, { status: "removed" }, "removed", {}),
    );
    expect((await claim(registry, tenantId, given.domain)).domainId).not.toBe(given.domainId);
    await registry.close();
  });

  it("are due in the order of their time, and looks at them need no audit event", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "one");
    const [late, early] = [
      await claim(registry, tenantId, "late.test"),
      await claim(registry, tenantId, "early.test"),
    ];
    const at = (hour: string) => `2026-03-01T${hour}:00:00.000Z`;
    for (const [domain, nextCheckAt] of [
      [late, at("12")],
      [early, at("11")],
    ] as const) {
      await registry.record((books) => domainSeen(books, domain.domainId, { nextCheckAt, problem: "none" }));
    }
    const due = async (now: string) =>
      (await registry.read((db) => domainsDue(db, now, 10))).map(({ domain, looks }) => [
        domain.domain,
        looks,
      ]);
    expect(await due(at("10"))).toEqual([]);
    expect(await due(at("11"))).toEqual([["early.test", 1]]);
    expect(await due(at("13"))).toEqual([
      ["early.test", 1],
      ["late.test", 1],
    ]);
    await registry.close();
  });

  it("are not brought back by a rollback to when they were another's", async () => {
    const registry = await (await create()).open();
    const { tenant, target } = await addTarget(registry, "acme");
    const domain = await claim(registry, tenant.tenantId, "acme.test");
    await verified(registry, domain);
    const wish = { host: "acme.example.com", routingTarget: "acme.internal", state: "live" as const };
    await registry.change(context, (change) => routeSet(change, target, wish, making));
    const before = await registry.read((db) => domainGet(db, tenant.tenantId, domain.domainId));
    await registry.change(context, (change) =>
      domainSet(change, before, { status: "removed" }, "removed", {}),
    );
    const { leftOut } = await registry.change(context, (change) =>
      routingRollback(change, planeName, 1, "because", making),
    );
    expect(leftOut).toMatchObject([{ host: "acme.test", why: "the domain is no longer the tenant's" }]);
    const newest = await registry.read((db) => routingLatest(db, planeName));
    expect(newest?.routes.map(({ host }) => host)).toEqual(["acme.example.com"]);
    await registry.close();
  });
});
