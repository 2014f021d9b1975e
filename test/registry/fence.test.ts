import { generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import type { RouteState } from "../../contract/routingSnapshot.ts";
import type { Target } from "../../contract/target.ts";
import { journalAppend, LeaseLostError } from "../../registry/journal.ts";
import { operationCreate } from "../../registry/operation.ts";
import { operationClaimNext, operationFence, operationRelease } from "../../registry/operationLease.ts";
import type { Change, Registry } from "../../registry/registry.ts";
import { routeFind, routeSet } from "../../registry/routing.ts";
import { createSigner } from "../../service/signing/signer.ts";
import { addTarget, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const signer = createSigner(generateKeyPairSync("ed25519").privateKey);
const making = { services: [], sharedHost: null, signer };

describeDialects("what an operation's owner writes", (create, dialect) => {
  it("is refused once somebody else has claimed the operation, and leaves the successor's as it is", async () => {
    const registry = await (await create()).open();
    const { operationId, target } = await operation(registry);
    await claim(registry, "frozen");
    await asOwner(registry, operationId, 1, (change) => route(change, target, "live"));
    await claim(registry, "successor", ["frozen"]);
    await asOwner(registry, operationId, 2, (change) => route(change, target, "suspended"));
    const thawed = asOwner(registry, operationId, 1, (change) => route(change, target, "live"));
    await expect(thawed).rejects.toBeInstanceOf(LeaseLostError);
    expect(await registry.read((db) => routeFind(db, target.targetId))).toMatchObject({ state: "suspended" });
  });

  it.each(["given back", "ended"])("is refused once the operation is %s", async (how) => {
    const registry = await (await create()).open();
    const { operationId, target } = await operation(registry);
    await claim(registry, "owner");
    await registry.record((record) =>
      how === "ended"
        ? journalAppend(record, operationId, [{ type: "started" }, { type: "succeeded" }], 1).then(() => {})
        : operationRelease(record, operationId, 1),
    );
    const late = asOwner(registry, operationId, 1, (change) => route(change, target, "live"));
    await expect(late).rejects.toBeInstanceOf(LeaseLostError);
    expect(await registry.read((db) => routeFind(db, target.targetId))).toBeUndefined();
  });

  it("is there before anybody can claim the operation", async () => {
    const database = await create();
    const registry = await database.open();
    const other = dialect === "postgresql" ? await database.open() : registry;
    const { operationId, target } = await operation(registry);
    await claim(registry, "owner");
    const entered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const writing = asOwner(registry, operationId, 1, async (change) => {
      entered.resolve();
      await gate.promise;
      await route(change, target, "live");
    });
    await entered.promise;
    const claiming = claim(other, "successor", ["owner"]).then(async (claimed) => ({
      token: claimed?.fencingToken,
      found: (await other.read((db) => routeFind(db, target.targetId)))?.state,
    }));
    gate.resolve();
    await writing;
    expect(await claiming).toEqual({ token: 2, found: "live" });
  });
});

async function operation(registry: Registry): Promise<{ operationId: string; target: Target }> {
  const { tenant, plane, target } = await addTarget(registry, "acme");
  const { operationId } = await registry.change(context, (change) =>
    operationCreate(change, {
      kind: "tenant_deploy",
      tenantId: tenant.tenantId,
      targetId: target.targetId,
      planeName: plane.name,
    }),
  );
  return { operationId, target };
}

function claim(registry: Registry, processId: string, dead: readonly string[] = []) {
  return registry.record((record) =>
    operationClaimNext(record, {
      ...{ processId, dead, leaseMs: 10_000, killTimeMs: 1_000, perPlane: 9, perTenant: 9 },
      ...{ active: [], silent: [] },
    }),
  );
}

function asOwner(
  registry: Registry,
  operationId: string,
  fencingToken: number,
  work: (change: Change) => Promise<unknown>,
) {
  return registry.change(context, async (change) => {
    await operationFence(change, operationId, fencingToken);
    await work(change);
  });
}

function route(change: Change, target: Target, state: RouteState) {
  const wish = { host: "acme.example.com", routingTarget: "acme.internal", state };
  return routeSet(change, target, wish, making);
}
