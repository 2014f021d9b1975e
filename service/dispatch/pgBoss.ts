import { PgBoss } from "pg-boss";
import { operationsMarkDispatched, operationsUndispatched } from "../../registry/queue.ts";
import type { Registry } from "../../registry/registry.ts";
import { limits } from "../config/limits.ts";
import type { Logger } from "../log.ts";
import type { Nudges } from "../nudges.ts";
import type { Dispatch, DispatchWorker } from "./dispatch.ts";

/**
 * For any number of processes on PostgreSQL. Each queued operation gets one job in pg-boss, and a process fetches as many jobs as
 * it has room for: of twenty idle workers one asks the registry for the operation, not twenty. Which one it then claims is the
 * registry's to say, so tenants are served in turn whatever the order of the jobs.
 *
 * The operation's row is the outbox: it says whether its job has been made, so a process that dies between the two loses
 * nothing. A sweep makes jobs that are missing and claims operations whose job went astray.
 */
export interface PgBossParts {
  readonly url: string;
  readonly registry: Registry;
  readonly nudges: Nudges;
  readonly log: Logger;
}

const SCHEMA = "tenantry_jobs";
const QUEUE = "operations";
const CONNECTIONS = 2;
/** A job is fetched and done in one breath; one that was fetched by a process that died then comes again. */
const JOB_EXPIRES_S = 30;
/** The sweep finds an operation whose job has been given up. */
const JOB_KEPT_S = 3_600;
const JOBS_PER_PASS = 200;

export function createPgBossDispatch({ url, registry, nudges, log }: PgBossParts): Dispatch {
  const boss = new PgBoss({ connectionString: url, schema: SCHEMA, max: CONNECTIONS, schedule: false });
  boss.on("error", (error) => log.warn({ err: error }, "pg-boss reports an error"));
  const stops: (() => void)[] = [];
  let worker: DispatchWorker | undefined;
  let again = false;
  let running: Promise<void> | undefined;
  let stopped = false;

  /** A job for each operation that has none. */
  async function announce(): Promise<void> {
    for (;;) {
      const operationIds = await registry.read((db) => operationsUndispatched(db, JOBS_PER_PASS));
      if (operationIds.length === 0) return;
      await boss.insert(
        QUEUE,
        operationIds.map((operationId) => ({ data: { operationId } })),
      );
      await registry.record((record) => operationsMarkDispatched(record, operationIds));
      nudges.nudge("jobs");
    }
  }

  async function fetch(): Promise<void> {
    const free = worker?.free() ?? 0;
    if (free <= 0) return;
    const jobs = await boss.fetch(QUEUE, { batchSize: free });
    if (jobs.length === 0) return;
    await boss.complete(
      QUEUE,
      jobs.map(({ id }) => id),
    );
    worker?.wake(jobs.length);
  }

  function pass(): void {
    again = true;
    if (stopped) return;
    running ??= (async () => {
      while (again && !stopped) {
        again = false;
        try {
          await announce();
          await fetch();
        } catch (thrown) {
          log.warn({ err: thrown }, "cannot dispatch operations");
        }
      }
      running = undefined;
    })();
  }

  return {
    async start(given) {
      worker = given;
      await boss.start();
      const queue = { expireInSeconds: JOB_EXPIRES_S, retentionSeconds: JOB_KEPT_S, deleteAfterSeconds: 1 };
      await boss.createQueue(QUEUE, queue);
      const sweep = setInterval(() => {
        pass();
        worker?.wake(worker.free());
      }, limits.wakeEveryMs);
      stops.push(() => clearInterval(sweep), nudges.on("operations", pass), nudges.on("jobs", pass));
      pass();
      worker?.wake(worker.free());
    },
    async stop() {
      stopped = true;
      for (const stop of stops.splice(0)) stop();
      await running;
      await boss.stop({ graceful: false });
    },
  };
}
