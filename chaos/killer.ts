import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger } from "./ledger.ts";
import type { RunningStep } from "./observer.ts";
import type { Victim } from "./plan.ts";
import { KILL_TIME_MS, LEASE_MS } from "./postgresWorld.ts";
import { descendants, kill, look, type Running, signal } from "./processes.ts";
import type { Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import type { Tally } from "./tally.ts";
import type { World } from "./world.ts";

/**
 * Kills by plan, each at a moment that counts: it waits for a step kind that still needs hits, lets a random part of that
 * step pass, freezes the victim, looks into the registry whether the step still runs, and only then kills. So every
 * counted hit is one. It looks while the victim is frozen and lets it go on in slices of a few milliseconds, so that steps
 * which take no longer are met as well. When none of the needed comes in time it takes any step, in the end any moment.
 */
export interface Killer {
  /** Until every kill of the plan is done and everything killed has been started again. */
  run(plan: readonly Victim[], minutes: number): Promise<void>;
}

export interface KillerParts {
  readonly world: World;
  readonly tally: Tally;
  readonly ledger: Ledger;
  readonly random: Random;
}

/** What a kill needs: whom to freeze, which steps it would meet, and how to do it. */
interface Shot {
  /** Frozen while it is looked whether the moment is right; none for what does not stand still. */
  readonly pid?: number;
  meets(step: RunningStep): boolean;
  fire(): Promise<void>;
}

const LOOK_EVERY_MS = 4;
const KILLED_AT_START = 0.1;
const RECOVERY_LIMIT_MS = 30_000;
/** Longer is no random instant any more: the last moments of a long step are as good as its first. */
const LONGEST_DELAY_MS = 4_000;
const LEAST_PATIENCE_MS = 4_000;
/** Every step kind is wanted this often before any is wanted again. */
const WANTED_HITS = 3;
/** A step that takes less is struck as soon as it is seen: a delay would miss it. */
const BRIEF_MS = 150;
/** A host and a cut link stay away until the lease has run out and the dead-man switch has had its time. */
const AWAY_MS = {
  ...{ service: 1_200, cloud: 1_500, database: 3_000, hostMore: 3_000 },
  host: LEASE_MS + KILL_TIME_MS,
  partition: LEASE_MS + KILL_TIME_MS,
};

export function createKiller({ world, tally, ledger, random }: KillerParts): Killer {
  const restarts = new Set<Promise<void>>();
  const typicalMs = new Map<string, number>();
  const seen = new Map<string, { step: string; sinceMs: number }>();

  function later(ms: number, work: () => Promise<void> | void): void {
    const restart = sleep(ms)
      .then(work)
      .catch((error: unknown) => ledger.violation(`a restart failed: ${String(error)}`))
      .finally(() => restarts.delete(restart));
    restarts.add(restart);
  }

  /** Learns how long steps take while it looks. */
  async function running(): Promise<RunningStep[]> {
    const steps = await world.observer.running();
    const now = Date.now();
    const keys = new Set(steps.map(keyOf));
    for (const step of steps)
      if (!seen.has(keyOf(step))) seen.set(keyOf(step), { step: step.step, sinceMs: now });
    for (const [key, { step, sinceMs }] of seen) {
      if (keys.has(key)) continue;
      seen.delete(key);
      typicalMs.set(step, 0.7 * (typicalMs.get(step) ?? now - sinceMs) + 0.3 * (now - sinceMs));
    }
    return steps;
  }

  async function shotAt(victim: Victim): Promise<Shot | undefined> {
    const replica = random.pick(world.replicas);
    switch (victim) {
      case "service":
        return serviceShot(replica);
      case "worker":
      case "cli":
        return engineShot(victim);
      case "cloud":
        return cloudShot();
      case "host":
        return hostShot(replica);
      case "partition":
        return partitionShot(replica);
      case "database":
        return databaseShot();
    }
  }

  function serviceShot(replica: Replica): Shot | undefined {
    const { pid } = replica;
    if (pid === undefined) return undefined;
    return {
      pid,
      meets: (step) => isOf(replica, step),
      async fire() {
        await replica.killService();
        later(random.next() * AWAY_MS.service, () => replica.start());
      },
    };
  }

  /** Service, workers and CLIs of one host, without a word, for longer than anybody may wait for it. */
  function hostShot(replica: Replica): Shot | undefined {
    const { pid } = replica;
    if (pid === undefined) return undefined;
    return {
      pid,
      meets: (step) => isOf(replica, step),
      async fire() {
        const cloud = await world.cloud.pid();
        await replica.killHost(
          new Set(cloud === undefined ? [] : [cloud, ...descendants(cloud).map((one) => one.pid)]),
        );
        later(AWAY_MS.host + random.next() * AWAY_MS.hostMore, () => replica.start());
      },
    };
  }

  /** The service lives and cannot reach the registry: its engine runs must be over when others may take them. */
  function partitionShot(replica: Replica): Shot | undefined {
    const { link } = replica.options;
    if (link === undefined || replica.pid === undefined) return undefined;
    return {
      meets: (step) => isOf(replica, step),
      async fire() {
        const runs = replica.clis();
        link.cut(random.pick(["refuse", "swallow"]));
        later(AWAY_MS.partition, () => mustBeOver(replica, runs));
        later(AWAY_MS.partition + random.next() * AWAY_MS.hostMore, () => link.restore());
      },
    };
  }

  function mustBeOver(replica: Replica, runs: readonly Running[]): void {
    for (const { pid, folder } of runs)
      if (look(pid)?.folder === folder)
        ledger.violation(
          `${replica.options.name} lost the registry, and its engine run ${folder} outlived the lease`,
        );
  }

  function databaseShot(): Shot | undefined {
    const { database } = world;
    if (database === undefined) return undefined;
    return {
      meets: () => true,
      async fire() {
        await database.kill();
        later(random.next() * AWAY_MS.database, () => database.start());
      },
    };
  }

  /** A CLI that runs now, or the worker that drives it. */
  function engineShot(victim: "worker" | "cli"): Shot | undefined {
    const clis = world.replicas.flatMap((replica) => {
      const workers = new Set(replica.workers().map(({ pid }) => pid));
      return replica.clis().filter(({ parentPid }) => workers.has(parentPid));
    });
    const cli = clis[random.whole(clis.length)];
    if (cli === undefined) return undefined;
    const pid = victim === "cli" ? cli.pid : cli.parentPid;
    const runId = basename(cli.folder);
    return { pid, meets: ({ operationId }) => runId.startsWith(operationId), fire: () => kill(pid) };
  }

  async function cloudShot(): Promise<Shot | undefined> {
    const pid = await world.cloud.pid();
    if (pid === undefined) return undefined;
    return {
      pid,
      meets: () => true,
      async fire() {
        await world.cloud.kill();
        later(random.next() * AWAY_MS.cloud, () => world.cloud.ensure());
      },
    };
  }

  /** The steps that were met, or undefined when nothing worth it runs; the victim then goes on. */
  async function strike(
    victim: Victim,
    worthy: (step: RunningStep) => boolean,
  ): Promise<string[] | undefined> {
    const shot = await shotAt(victim);
    if (shot === undefined) return undefined;
    const aims = (await frozen(shot)).filter(worthy);
    if (aims.length === 0) return release(shot);
    const aim = random.pick(aims);
    const typical = typicalMs.get(aim.step) ?? 0;
    if (typical > BRIEF_MS) {
      release(shot);
      await sleep(random.next() * Math.min(typical, LONGEST_DELAY_MS));
    }
    const met = await frozen(shot);
    if (!met.some((step) => keyOf(step) === keyOf(aim))) return release(shot);
    await shot.fire();
    return met.map(({ step }) => step);
  }

  /** The steps that a shot would meet, looked up while its victim stands still. */
  async function frozen(shot: Shot): Promise<RunningStep[]> {
    if (shot.pid !== undefined) signal(shot.pid, "SIGSTOP");
    try {
      return (await running()).filter((step) => shot.meets(step) && isStep(step));
    } catch (thrown) {
      release(shot);
      throw thrown;
    }
  }

  function release({ pid }: Shot): undefined {
    if (pid !== undefined) signal(pid, "SIGCONT");
  }

  /** Mostly a service that was killed gets as far as working again; sometimes it is killed while it starts. */
  async function recovered(): Promise<void> {
    if (random.next() < KILLED_AT_START) return;
    await Promise.race([Promise.all(world.replicas.map(untilUp)), sleep(RECOVERY_LIMIT_MS)]);
  }

  /** A lost host is away for long; the others go on. */
  async function untilUp(replica: Replica): Promise<void> {
    if (world.replicas.length > 1 && replica.pid === undefined) return;
    await replica.untilReady().catch(() => undefined);
  }

  async function one(victim: Victim, patienceMs: number): Promise<void> {
    await recovered();
    const startedAtMs = Date.now();
    for (;;) {
      const passed = (Date.now() - startedAtMs) / patienceMs;
      const most = passed >= 1 ? Number.POSITIVE_INFINITY : Math.max(WANTED_HITS, tally.least + 1);
      const met = await strike(victim, (step) => tally.hits(step.step) < most);
      if (met !== undefined) return told(victim, met);
      if (passed >= 2 && (await anyMoment(victim))) return told(victim, []);
      // Where no engine runs at all there is no CLI to kill, but always a service.
      if (passed >= 3 && (await anyMoment("service"))) return told("service", []);
      await sleep(LOOK_EVERY_MS);
    }
  }

  async function anyMoment(victim: Victim): Promise<boolean> {
    const shot = await shotAt(victim);
    await shot?.fire();
    return shot !== undefined;
  }

  let number = 0;
  function told(victim: Victim, met: readonly string[]): void {
    tally.hit(victim, met);
    number += 1;
    ledger.say(`kill ${number}: ${victim} during ${met.length === 0 ? "no step" : met.join(", ")}`);
  }

  return {
    async run(plan, minutes) {
      const startedAtMs = Date.now();
      const slotMs = (minutes * 60_000) / plan.length;
      for (const [index, victim] of plan.entries()) {
        await sleep(Math.max(0, startedAtMs + (index + 0.5 * random.next()) * slotMs - Date.now()));
        await one(victim, Math.max(LEAST_PATIENCE_MS, slotMs));
      }
      while (restarts.size > 0) await Promise.all(restarts);
    },
  };
}

function keyOf({ operationId, step, attempt }: RunningStep): string {
  return `${operationId} ${step} ${attempt}`;
}

function isOf({ pid, options }: Replica, { ownerPid }: RunningStep): boolean {
  return options.hostName === undefined || pid === ownerPid;
}

/** Between two steps there is nothing to count. */
function isStep({ step }: RunningStep): boolean {
  return !step.endsWith("-");
}
