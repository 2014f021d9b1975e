import fc from "fast-check";
import { expect, it } from "vitest";
import { journalAppend, LeaseLostError } from "../../registry/journal.ts";
import { operationCreate } from "../../registry/operation.ts";
import {
  operationClaimNext,
  operationRelease,
  operationRenew,
  operationsHeldByOthers,
} from "../../registry/operationLease.ts";
import { planeGet } from "../../registry/plane.ts";
import type { Registry } from "../../registry/registry.ts";
import { targetCreate } from "../../registry/target.ts";
import { createLeaseWatch } from "../../service/operations/leaseWatch.ts";
import { addPlane, addTenant, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

/**
 * Leases against a model. Processes on two hosts claim, renew, give back, finish, die and are replaced in any order while time passes.
 * The model knows until when each may have a CLI at work: to the end of the lease as it was last renewed, or, for whoever
 * can prove it dead, no longer than it lived. The registry must never let two work on a stack.
 */
const LEASE_MS = 1_000;
const KILL_MS = 400;
const PER_PLANE = 3;
const PER_TENANT = 2;
const PLANE = "dev-eu-west-1";

type Command =
  | { readonly do: "create"; readonly tenant: number }
  | { readonly do: "claim" | "renew" | "release" | "finish" | "die"; readonly by: number }
  | { readonly do: "pass"; readonly ms: number };

const by = fc.nat(2);
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ do: fc.constant("create" as const), tenant: fc.nat(1) }),
  fc.record({ do: fc.constant("claim" as const), by }),
  fc.record({ do: fc.constantFrom("claim" as const, "renew" as const), by }),
  fc.record({ do: fc.constantFrom("release" as const, "finish" as const, "die" as const), by }),
  fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 50, max: 1_500 }) }),
);

interface Work {
  readonly operationId: string;
  readonly targetId: string;
  readonly token: number;
  /** The CLI has been stopped by then, even if its service is gone. */
  untilMs: number;
}

/** One life of a process. Another begins where it ends. */
interface Process {
  readonly processId: string;
  readonly host: number;
  readonly watch: ReturnType<typeof createLeaseWatch>;
  readonly works: Work[];
  isDead: boolean;
}

/** One registry for many runs: each leaves nothing unfinished, unless it fails. */
interface Scene {
  readonly registry: Registry;
  readonly clock: ReturnType<typeof settableClock>;
}

class Model {
  readonly #registry: Registry;
  readonly #clock: Scene["clock"];
  readonly #tenants: readonly string[];
  readonly #all: Process[] = [];
  readonly #seats: Process[];
  readonly #unfinished = new Set<string>();
  readonly #run: number;
  #generation = 0;

  private constructor(registry: Registry, clock: Scene["clock"], tenants: string[], run: number) {
    this.#run = run;
    this.#registry = registry;
    this.#clock = clock;
    this.#tenants = tenants;
    this.#seats = [1, 1, 2].map((host) => this.#born(host));
  }

  static async create({ registry, clock }: Scene, run: number): Promise<Model> {
    const tenants: string[] = [];
    for (const name of ["acme", "bolt"]) tenants.push((await addTenant(registry, `${name}-${run}`)).tenantId);
    return new Model(registry, clock, tenants, run);
  }

  get #nowMs(): number {
    return this.#clock.now().getTime();
  }

  #born(host: number): Process {
    const watch = createLeaseWatch(LEASE_MS + KILL_MS, () => this.#nowMs);
    const born = { processId: `r${this.#run}-p${this.#all.length}`, host, watch, works: [], isDead: false };
    this.#all.push(born);
    return born;
  }

  async do(command: Command): Promise<void> {
    if (command.do === "pass") return this.#clock.advance(command.ms);
    if (command.do === "create") return this.#create(this.#tenants[command.tenant] ?? "");
    const seat = this.#seats[command.by] as Process;
    if (command.do === "claim") return void (await this.claim(seat));
    if (command.do === "die") {
      seat.isDead = true;
      this.#seats[command.by] = this.#born(seat.host);
      return;
    }
    const work = seat.works[0];
    if (work === undefined) return;
    if (command.do === "renew") return this.#renew(seat, work);
    if (command.do === "release") {
      await this.#registry.record((record) => operationRelease(record, work.operationId, work.token));
      seat.works.shift();
      return;
    }
    await this.#finish(seat, work);
  }

  async #create(tenantId: string): Promise<void> {
    this.#generation += 1;
    const generation = this.#generation;
    const { operationId } = await this.#registry.change(context, async (change) => {
      const plane = await planeGet(change.db, PLANE);
      const names = { projectName: `tenant-${tenantId}`, stackName: `${PLANE}-${generation}` };
      const facts = { tenantId, plane, generation, ...names, targetReleaseNumber: null };
      const { targetId } = await targetCreate(change, facts);
      return operationCreate(change, { kind: "tenant_activate", tenantId, targetId, planeName: PLANE });
    });
    this.#unfinished.add(operationId);
  }

  async claim(claimant: Process): Promise<Work | undefined> {
    const { processId, host } = claimant;
    const held = await this.#registry.read((db) => operationsHeldByOthers(db, processId));
    const dead = this.#all.filter((one) => one.isDead && one.host === host).map((one) => one.processId);
    const claimed = await this.#registry.record((record) =>
      operationClaimNext(record, {
        ...{ processId, leaseMs: LEASE_MS, killTimeMs: KILL_MS, perPlane: PER_PLANE, perTenant: PER_TENANT },
        ...{ dead, silent: claimant.watch.look(held) },
        active: claimant.works.map((work) => work.operationId),
      }),
    );
    await this.#expectBounds();
    if (claimed === undefined) return undefined;
    const { operationId, targetId } = claimed.operation;
    this.#expectNobodyAtWork(claimant, targetId ?? "");
    const untilMs = this.#nowMs + LEASE_MS;
    const work = { operationId, targetId: targetId ?? "", token: claimed.fencingToken, untilMs };
    claimant.works.push(work);
    return work;
  }

  #expectNobodyAtWork(claimant: Process, targetId: string): void {
    for (const other of this.#all) {
      // Whoever takes over on the same host stops the dead one's CLI first.
      if (other === claimant || (other.isDead && other.host === claimant.host)) continue;
      const atWork = other.works.filter((work) => work.targetId === targetId && this.#nowMs < work.untilMs);
      expect(atWork).toEqual([]);
    }
  }

  async #expectBounds(): Promise<void> {
    const rows = await this.#registry.read((db) =>
      db
        .selectFrom("operations")
        .select(["tenantId"])
        .where("finishedAt", "is", null)
        .where("leaseOwner", "is not", null)
        .execute(),
    );
    expect(rows.length).toBeLessThanOrEqual(PER_PLANE);
    for (const tenantId of this.#tenants) {
      expect(rows.filter((row) => row.tenantId === tenantId).length).toBeLessThanOrEqual(PER_TENANT);
    }
  }

  async #renew(owner: Process, work: Work): Promise<void> {
    const renewal = this.#registry.record((record) =>
      operationRenew(record, work.operationId, work.token, LEASE_MS),
    );
    if (await succeeds(renewal)) work.untilMs = this.#nowMs + LEASE_MS;
    else owner.works.splice(owner.works.indexOf(work), 1);
  }

  async #finish(owner: Process, work: Work): Promise<void> {
    const entries = [{ type: "started" }, { type: "succeeded" }] as const;
    const end = this.#registry.record((record) =>
      journalAppend(record, work.operationId, entries, work.token),
    );
    if (await succeeds(end)) this.#unfinished.delete(work.operationId);
    owner.works.splice(owner.works.indexOf(work), 1);
  }

  /** Everybody dies; one more process on each host must bring everything to its end. */
  async settle(): Promise<void> {
    for (const seat of this.#seats) seat.isDead = true;
    const last = [1, 2].map((host) => this.#born(host));
    for (let round = 0; round < 2 * this.#unfinished.size + 4; round += 1) {
      for (const process of last) {
        const work = await this.claim(process);
        if (work !== undefined) await this.#finish(process, work);
      }
      this.#clock.advance(LEASE_MS + KILL_MS);
    }
    expect([...this.#unfinished]).toEqual([]);
  }
}

async function succeeds(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(LeaseLostError);
    return false;
  }
}

describeDialects("leases, whatever happens in whatever order,", (create) => {
  it("give a stack to one process at a time, within the bounds, and lose no operation", async () => {
    let scene: Scene | undefined;
    let runs = 0;
    const open = async (): Promise<Scene> => {
      const clock = settableClock();
      const registry = await (await create()).open({ now: clock.now });
      await addPlane(registry);
      return { registry, clock };
    };
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
        const stage = scene ?? (await open());
        scene = undefined;
        runs += 1;
        const model = await Model.create(stage, runs);
        for (const one of commands) await model.do(one);
        await model.settle();
        scene = stage;
      }),
      { numRuns: 30 },
    );
  }, 120_000);
});
