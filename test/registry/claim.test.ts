import { expect, it } from "vitest";
import {
  processesHoldingQuery,
  processHeartbeat,
  processRegister,
  processStop,
} from "../../registry/host.ts";
import { jobLeaseHold, jobLeaseRelease, jobLeaseRenew, jobLeaseTake } from "../../registry/jobLease.ts";
import { journalAppend, LeaseLostError } from "../../registry/journal.ts";
import { operationCreate } from "../../registry/operation.ts";
import {
  type ClaimNext,
  operationClaimNext,
  operationRelease,
  operationRenew,
  operationsHeldByOthers,
} from "../../registry/operationLease.ts";
import type { Registry } from "../../registry/registry.ts";
import {
  stackHolder,
  stackLeaseRelease,
  stackLeaseRenew,
  stackLeaseTake,
} from "../../registry/stackLease.ts";
import { targetCreate } from "../../registry/target.ts";
import { addPlane, addTarget, addTenant, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const LEASE_MS = 10_000;
const KILL_MS = 3_000;

describeDialects("claims", (create, dialect) => {
  it("serve tenants in turn, each oldest first", async () => {
    const registry = await (await create()).open();
    const many = await queue(registry, "many", 4);
    const [late] = await queue(registry, "late", 1);
    const [later] = await queue(registry, "later", 1);
    const order = await claimAll(registry, {});
    expect(order).toEqual([many[0], late, later, many[1], many[2], many[3]]);
  });

  it("do not let a tenant save up turns while it asks for nothing", async () => {
    const registry = await (await create()).open();
    const busy = await queue(registry, "busy", 3);
    expect(await claimAll(registry, {}, 2)).toEqual(busy.slice(0, 2));
    const fresh = await queue(registry, "fresh", 2);
    expect(await claimAll(registry, {})).toEqual([fresh[0], busy[2], fresh[1]]);
  });

  it("keep to the bounds of a plane and of a tenant, and pass over whom they hold back", async () => {
    const registry = await (await create()).open();
    const acme = await queue(registry, "acme", 3);
    const bolt = await queue(registry, "bolt", 1, "prod");
    const bounds = { perTenant: 2, perPlane: 2 };
    expect(await claimAll(registry, bounds)).toEqual([acme[0], bolt[0], acme[1]]);
    await finish(registry, acme[0] ?? "");
    expect(await claimAll(registry, bounds)).toEqual([acme[2]]);
  });

  it("take an operation's stack along, and give both back together", async () => {
    const registry = await (await create()).open();
    const [operationId = ""] = await queue(registry, "acme", 1);
    const claimed = await claim(registry, {});
    const targetId = claimed?.operation.targetId ?? "";
    expect(await registry.read((db) => stackHolder(db, targetId))).toBe(operationId);
    const scan = () => takeStack(registry, targetId, "scan 1");
    expect(await scan()).toBeUndefined();
    await registry.record((record) => operationRelease(record, operationId, claimed?.fencingToken ?? 0));
    expect(await scan()).toEqual({ token: 2 });
    expect(await claim(registry, {})).toBeUndefined();
    await registry.record((record) => stackLeaseRelease(record, targetId, 2));
    expect((await claim(registry, {}))?.operation.operationId).toBe(operationId);
    await finish(registry, operationId);
    expect(await registry.read((db) => stackHolder(db, targetId))).toBeUndefined();
  });

  it("take at once what a dead process held, though the bounds are reached, and cut its owner off", async () => {
    const registry = await (await create()).open();
    const [operationId = ""] = await queue(registry, "acme", 2);
    const first = await claim(registry, { processId: "old", perTenant: 1 });
    expect(await claim(registry, { processId: "new", perTenant: 1 })).toBeUndefined();
    const taken = await claim(registry, { processId: "new", perTenant: 1, dead: ["old"] });
    expect(taken).toMatchObject({ operation: { operationId }, fencingToken: 2 });
    const renewal = registry.record((record) =>
      operationRenew(record, operationId, first?.fencingToken ?? 0, LEASE_MS),
    );
    await expect(renewal).rejects.toBeInstanceOf(LeaseLostError);
    expect(await registry.read((db) => operationsHeldByOthers(db, "new"))).toEqual([]);
  });

  it("take what a silent process of another host held only after its lease and its kill time", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const [operationId = ""] = await queue(registry, "acme", 1);
    await claim(registry, { processId: "far" });
    const attempt = (silent: readonly string[]) => claim(registry, { processId: "near", silent });
    clock.advance(LEASE_MS + KILL_MS - 1);
    expect(await attempt([operationId])).toBeUndefined();
    clock.advance(1);
    // The clock alone proves nothing: the claimant must have watched.
    expect(await attempt([])).toBeUndefined();
    expect(await attempt([operationId])).toMatchObject({ fencingToken: 2 });
  });

  it("pass over what was left behind while a scan has its stack, and hold nobody else up", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const [left = ""] = await queue(registry, "acme", 1);
    const targetId = (await claim(registry, { processId: "far" }))?.operation.targetId ?? "";
    clock.advance(LEASE_MS + KILL_MS);
    expect(await takeStack(registry, targetId, "scan 1")).toEqual({ token: 2 });
    const [other = ""] = await queue(registry, "bolt", 1);
    const near = { processId: "near", silent: [left] };
    expect((await claim(registry, near))?.operation.operationId).toBe(other);
    expect(await claim(registry, { ...near, active: [other] })).toBeUndefined();
    await registry.record((record) => stackLeaseRelease(record, targetId, 2));
    expect((await claim(registry, { ...near, active: [other] }))?.operation.operationId).toBe(left);
  });

  it("take up again what is their own and does not run", async () => {
    const registry = await (await create()).open();
    const [operationId = ""] = await queue(registry, "acme", 1);
    await claim(registry, { processId: "mine" });
    expect(await claim(registry, { processId: "mine", active: [operationId] })).toBeUndefined();
    expect(await claim(registry, { processId: "mine" })).toMatchObject({ fencingToken: 2 });
  });

  it("find all free that a process held when it stopped", async () => {
    const registry = await (await create()).open();
    const [operationId] = await queue(registry, "acme", 1);
    const facts = { processId: "p1", hostId: "h1", pid: 1, processStartedAt: "a:1", role: "all" } as const;
    await registry.record((record) => processRegister(record, facts));
    await claim(registry, { processId: "p1" });
    await registry.record((record) => processStop(record, "p1"));
    expect((await claim(registry, { processId: "p2" }))?.operation.operationId).toBe(operationId);
  });

  it("of twenty at once never pass a bound, and each operation goes to one", async () => {
    const database = await create();
    const registries = [await database.open(), ...(dialect === "postgresql" ? [await database.open()] : [])];
    const registry = registries[0] as Registry;
    for (const slug of ["acme", "bolt", "cord"]) await queue(registry, slug, 4);
    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, place) => {
        const one = registries[place % registries.length] as Registry;
        return claim(one, { processId: `p${place}`, perPlane: 5, perTenant: 2 });
      }),
    );
    const won = claims.filter((claimed) => claimed !== undefined).map(({ operation }) => operation);
    expect(won).toHaveLength(5);
    expect(new Set(won.map(({ operationId }) => operationId)).size).toBe(5);
    for (const tenantId of new Set(won.map((operation) => operation.tenantId))) {
      expect(won.filter((operation) => operation.tenantId === tenantId).length).toBeLessThanOrEqual(2);
    }
  });
});

describeDialects("leases on stacks and jobs", (create) => {
  it("are not taken because a clock has jumped, as long as their holder was not seen to be silent", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const { target } = await addTarget(registry, "acme");
    expect(await takeStack(registry, target.targetId, "scan 1")).toEqual({ token: 1 });
    clock.advance(24 * 3_600_000);
    const asked: string[] = [];
    const isSilent = (lease: string) => {
      asked.push(lease);
      return asked.length > 1;
    };
    expect(await takeStack(registry, target.targetId, "scan 2", isSilent)).toBeUndefined();
    expect(await takeStack(registry, target.targetId, "scan 2", isSilent)).toEqual({ token: 2 });
    expect(asked[0]).toBe(asked[1]);
  });

  it("have tokens that only grow, and are renewed by their holder only", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    await queue(registry, "acme", 1);
    const targetId = (await claim(registry, {}))?.operation.targetId ?? "";
    await finish(registry, (await registry.read((db) => stackHolder(db, targetId))) ?? "");
    const first = await takeStack(registry, targetId, "scan 1");
    expect(first).toEqual({ token: 2 });
    clock.advance(LEASE_MS + KILL_MS);
    expect(await takeStack(registry, targetId, "scan 2")).toEqual({ token: 3 });
    const renew = (token: number) =>
      registry.record((record) => stackLeaseRenew(record, targetId, token, LEASE_MS));
    expect(await renew(2)).toBe(false);
    expect(await renew(3)).toBe(true);
    await registry.record((record) => stackLeaseRelease(record, targetId, 2));
    expect(await registry.read((db) => stackHolder(db, targetId))).toBe("scan 2");
  });

  it("give a job to one process until it is dead or silent", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const take = (processId: string, dead: readonly string[] = []) =>
      registry.record((record) =>
        jobLeaseTake(record, "purge", processId, LEASE_MS, { dead, killTimeMs: KILL_MS }),
      );
    expect(await take("a")).toEqual({ token: 1 });
    expect(await take("b")).toBeUndefined();
    expect(await take("b", ["a"])).toEqual({ token: 2 });
    const renewed = await registry.record((record) => jobLeaseRenew(record, "purge", 1, LEASE_MS));
    expect(renewed).toBe(false);
    clock.advance(LEASE_MS + KILL_MS);
    expect(await take("c")).toEqual({ token: 3 });
    const holds = (token: number) => registry.record((record) => jobLeaseHold(record, "purge", token));
    expect([await holds(2), await holds(3)]).toEqual([false, true]);
    await registry.record((record) => jobLeaseRelease(record, "purge", 3));
    expect(await holds(3)).toBe(false);
  });

  it("keep a job with whoever asked for it until the transaction ends", async () => {
    const registry = await (await create()).open();
    const take = (processId: string) =>
      registry.record((record) =>
        jobLeaseTake(record, "purge", processId, LEASE_MS, { dead: ["a"], killTimeMs: 0 }),
      );
    await take("a");
    let ended = false;
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const asking = registry.record(async (record) => {
      expect(await jobLeaseHold(record, "purge", 1)).toBe(true);
      begin();
      await new Promise((resolve) => setTimeout(resolve, 100));
      ended = true;
    });
    await begun;
    expect(await take("b")).toEqual({ token: 2 });
    expect(ended).toBe(true);
    await asking;
  });
});

describeDialects("processes", (create) => {
  const facts = { processId: "p1", hostId: "h1", pid: 1, processStartedAt: "a:1", role: "all" } as const;

  it("of two hosts are refused where they cannot share, until the other is silent", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const start = (processId: string, hostId: string) =>
      registry.record((record) =>
        processRegister(record, { ...facts, processId, hostId }, { onlyHostForMs: LEASE_MS }),
      );
    await start("p1", "h1");
    await start("p2", "h1");
    await expect(start("p3", "h2")).rejects.toThrow(/several hosts must share the Pulumi state.*h1/);
    clock.advance(LEASE_MS);
    await start("p3", "h2");
  });

  it("of a host that was silent for so long are refused when they are back", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const rules = { onlyHostForMs: LEASE_MS };
    const of = (processId: string, hostId: string) => ({ ...facts, processId, hostId });
    const beat = (processId: string, hostId: string) =>
      registry.record((record) => processHeartbeat(record, of(processId, hostId), rules));
    await registry.record((record) => processRegister(record, of("p1", "h1"), rules));
    clock.advance(LEASE_MS);
    expect(await beat("p1", "h1")).toBe(true);
    clock.advance(LEASE_MS);
    await registry.record((record) => processRegister(record, of("p2", "h2"), rules));
    for (let look = 0; look < 2; look += 1) {
      await expect(beat("p1", "h1")).rejects.toThrow(/Cannot go on on host h1: .*process 1 of host h2/);
      clock.advance(LEASE_MS / 2);
      expect(await beat("p2", "h2")).toBe(true);
    }
  });
});

describeDialects(
  "who holds stacks",
  (create) => {
    it("is read without looking at every stack there ever was", async () => {
      const registry = await (await create()).open();
      const query = await registry.read(async (db) => processesHoldingQuery(db).compile());
      const plan = (await registry.explain(query)).join("\n");
      expect(plan).toMatch(/stack_leases USING .*stack_leases_process_id/i);
      const held = await registry.read(async (db) =>
        db.updateTable("stackLeases").set({ expiresAt: null }).where("holder", "=", "one").compile(),
      );
      expect((await registry.explain(held)).join("\n")).toContain("stack_leases_holder");
    });
  },
  "sqlite",
);

/** As many operations of one tenant, each on a target of its own. */
async function queue(
  registry: Registry,
  slug: string,
  count: number,
  environment: "dev" | "prod" = "dev",
): Promise<string[]> {
  const plane = await addPlane(registry, environment);
  const { tenantId } = await addTenant(registry, slug);
  const queued: string[] = [];
  for (let generation = 1; generation <= count; generation += 1) {
    const { operationId } = await registry.change(context, async (change) => {
      const { targetId } = await targetCreate(change, {
        ...{ tenantId, plane, generation },
        projectName: `tenant-${tenantId}`,
        stackName: `${plane.name}-${generation}`,
        targetReleaseNumber: null,
      });
      const facts = { kind: "tenant_activate", tenantId, targetId, planeName: plane.name } as const;
      return operationCreate(change, facts);
    });
    queued.push(operationId);
  }
  return queued;
}

function claim(registry: Registry, more: Partial<ClaimNext>) {
  const all = { processId: "p1", leaseMs: LEASE_MS, killTimeMs: KILL_MS, perPlane: 100, perTenant: 100 };
  return registry.record((record) =>
    operationClaimNext(record, { ...all, dead: [], active: [], silent: [], ...more }),
  );
}

/** Claims while there is something to claim; answers in which order. */
async function claimAll(registry: Registry, bounds: Partial<ClaimNext>, most = 100): Promise<string[]> {
  const order: string[] = [];
  for (let place = 0; place < most; place += 1) {
    // Another process each time: what its own process left would be taken up again.
    const claimed = await claim(registry, { ...bounds, processId: `p${Math.random()}` });
    if (claimed === undefined) break;
    order.push(claimed.operation.operationId);
  }
  return order;
}

async function finish(registry: Registry, operationId: string): Promise<void> {
  await registry.record((record) =>
    journalAppend(record, operationId, [{ type: "started" }, { type: "succeeded" }]),
  );
}

function takeStack(
  registry: Registry,
  targetId: string,
  holder: string,
  isSilent: (lease: string) => boolean = () => true,
) {
  const by = { holder, processId: "scanner" };
  return registry.record((record) =>
    stackLeaseTake(record, targetId, by, LEASE_MS, { dead: [], killTimeMs: KILL_MS, isSilent }),
  );
}
