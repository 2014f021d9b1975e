import { join } from "node:path";
import { idempotencyPurge } from "../registry/idempotency.ts";
import { checkpointByItself } from "./app/auditCheckpoint.ts";
import type { ServiceContext } from "./app/context.ts";
import { observeFleet } from "./app/health.ts";
import { limits } from "./config/limits.ts";
import type { Dispatch } from "./dispatch/dispatch.ts";
import { lookAtDueDomains } from "./domains/keeper.ts";
import { createDriftKeeper, purgeScans } from "./drift/keeper.ts";
import { createScanner } from "./drift/scanner.ts";
import { endOverrides } from "./entitlements/expiry.ts";
import { housekeep } from "./housekeeping.ts";
import { doAlone } from "./jobs.ts";
import { expireOverrides } from "./limits/expireOverrides.ts";
import { tellSignals } from "./metering/signals.ts";
import { purgeArchives } from "./operations/archivePurge.ts";
import { destroyDue } from "./operations/decommissionDue.ts";
import { createDueClock } from "./operations/dueClock.ts";
import { createRunner } from "./operations/runner.ts";
import { createPoll } from "./poll.ts";
import { createReconciler } from "./reconcile/reconciler.ts";
import { createRolloutDriver } from "./rollout/driver.ts";
import { createPreviewer } from "./rollout/preview/preview.ts";
import { publishBehind } from "./routing/publish.ts";
import { runFoldersPurge } from "./runFolders.ts";

/**
 * What a worker does, besides answering for itself: runs operations and works off rollouts, drift scans, the fleet's health and
 * what falls due. All of it may run in many processes: operations are claimed one by one, everything else is done by one
 * process at a time (jobs.ts).
 */
export interface Work {
  /** Looks at once for what there is to do. */
  wake(): void;
  cancel(operationId: string): void;
  /** Lets operations end for `drainMs`, then interrupts them and gives them back. */
  stop(drainMs: number): Promise<void>;
}

export async function startWork(context: ServiceContext, dispatch: Dispatch): Promise<Work> {
  const { settings, registry } = context;
  const runner = createRunner(context);
  const rollouts = createRolloutDriver(context);
  const previews = createPreviewer(context);
  const scanner = createScanner(context);
  const driftKeeper = createDriftKeeper(context);
  const reconciler = createReconciler(context);
  const poll = (name: string, everyMs: number, work: () => Promise<void>) =>
    createPoll(context, name, everyMs, async () => {
      // Half as long again: the next look of the one that has it comes before another's.
      await doAlone(context, name, work, { keepMs: everyMs * 1.5 });
    });
  const due = createDueClock(context);
  await due.now();
  const pollDue = (name: string, everyMs: number, work: (now: string) => Promise<void>) =>
    poll(name, everyMs, async () => {
      const now = await due.now();
      if (now !== undefined) await work(now);
    });
  const polls = [
    poll("purge", limits.purgeEveryMs, async () => {
      await registry.record(idempotencyPurge);
      await expireOverrides(context);
      await housekeep(context);
    }),
    poll("drift scans", limits.purgeEveryMs, () => purgeScans(context)),
    poll("usage signals", limits.usageSignalsEveryMs, () => tellSignals(context)),
    poll("entitlements", limits.entitlementsEveryMs, () => endOverrides(context)),
    poll("health", settings.healthPollMs, () => observeFleet(context)),
    pollDue("archives", limits.archivesEveryMs, (now) => purgeArchives(context, now)),
    pollDue("decommissions", limits.decommissionEveryMs, (now) => destroyDue(context, now)),
    poll("routing stores", limits.routingStoreLookEveryMs, () => publishBehind(context)),
    poll("domains", settings.domainLookMs, () => lookAtDueDomains(context)),
    ...(settings.auditCheckpointMs > 0
      ? [poll("audit checkpoints", settings.auditCheckpointMs, () => checkpointByItself(context))]
      : []),
    // Every process has folders of its own.
    createPoll(context, "run folders", limits.purgeEveryMs, async () => {
      await runFoldersPurge(join(settings.dataDir, "runs"), limits.runFolderKeepMs);
    }),
  ];
  await dispatch.start(runner);
  rollouts.wake();
  previews.wake();
  scanner.wake();
  driftKeeper.wake();
  reconciler.wake();
  return {
    wake: () => runner.wake(),
    cancel: runner.cancel,
    async stop(drainMs) {
      await dispatch.stop();
      const ends = [...polls, rollouts, previews, scanner, driftKeeper, reconciler].map((part) =>
        part.stop(),
      );
      await Promise.all([...ends, runner.stop(drainMs)]);
    },
  };
}
