import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger } from "./ledger.ts";
import type { RunningStep } from "./observer.ts";
import type { Victim } from "./plan.ts";
import { KILL_TIME_MS, LEASE_MS } from "./postgresWorld.ts";
import { descendants, kill, look, type Running } from "./processes.ts";
import type { Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import type { World } from "./world.ts";

/** What a kill needs: who stands still while it is looked, which steps it would meet, and how to do it. */
export interface Shot {
  /** The victim, or where that does not drive steps itself, those that do: so what is seen is so when it is killed. */
  readonly still: readonly number[];
  meets(step: RunningStep): boolean;
  fire(): Promise<void>;
}

/** How each kind of victim is killed, and brought back. */
export interface Shots {
  /** Undefined when there is no such victim at the moment. */
  at(victim: Victim): Promise<Shot | undefined>;
  /** Until everything that was killed has been started again. */
  restored(): Promise<void>;
}

/** A host and a cut link stay away until the lease has run out and the dead-man switch has had its time. */
const AWAY_MS = {
  ...{ service: 1_200, cloud: 1_500, database: 3_000, hostMore: 3_000 },
  host: LEASE_MS + KILL_TIME_MS,
  partition: LEASE_MS + KILL_TIME_MS,
};

export function createShots(world: World, ledger: Ledger, random: Random): Shots {
  const restarts = new Set<Promise<void>>();

  function later(ms: number, work: () => Promise<void> | void): void {
    const restart = sleep(ms)
      .then(work)
      .catch((error: unknown) => ledger.violation(`a restart failed: ${String(error)}`))
      .finally(() => restarts.delete(restart));
    restarts.add(restart);
  }

  const services = () => world.replicas.flatMap(({ pid }) => pid ?? []);
  /** Of a process that lives: what a dead one was at shows as running until somebody takes it up. */
  const isLive = ({ ownerPid }: RunningStep) => ownerPid !== undefined && services().includes(ownerPid);

  function serviceShot(replica: Replica): Shot | undefined {
    const { pid } = replica;
    if (pid === undefined) return undefined;
    return {
      still: [pid],
      meets: ({ ownerPid }) => ownerPid === pid,
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
      still: [pid],
      meets: ({ ownerPid }) => ownerPid === pid,
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
    const { pid } = replica;
    const { link } = replica.options;
    if (link === undefined || pid === undefined) return undefined;
    return {
      still: [pid],
      meets: ({ ownerPid }) => ownerPid === pid,
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

  /** The database itself must not stand still: it is what is looked into. */
  function databaseShot(): Shot | undefined {
    const { database } = world;
    if (database === undefined) return undefined;
    return {
      still: services(),
      meets: isLive,
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
    return {
      still: [pid],
      meets: (step) => isLive(step) && isRunOf(runId, step),
      fire: () => kill(pid),
    };
  }

  async function cloudShot(): Promise<Shot | undefined> {
    const pid = await world.cloud.pid();
    if (pid === undefined) return undefined;
    return {
      still: [pid, ...services()],
      meets: isLive,
      async fire() {
        await world.cloud.kill();
        later(random.next() * AWAY_MS.cloud, () => world.cloud.ensure());
      },
    };
  }

  return {
    async at(victim) {
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
    },
    async restored() {
      while (restarts.size > 0) await Promise.all(restarts);
    },
  };
}

/** A CLI that only has to end may see the operation at its next step already. */
function isRunOf(runId: string, { operationId, step }: RunningStep): boolean {
  const what = step.slice(step.indexOf("/") + 1).replace("undo ", "undo-");
  return runId.startsWith(`${operationId}-`) && runId.includes(`-${what}-`);
}
