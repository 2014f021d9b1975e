import { setImmediate as breathe } from "node:timers/promises";
import pLimit from "p-limit";
import type { Page } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import { MANIFEST_API_VERSION } from "../../contract/manifest.ts";
import { RECONCILE_VERDICTS, type ReconcileVerdict } from "../../contract/reconcile.ts";
import type { Tenant, TenantListQuery } from "../../contract/tenant.ts";
import {
  type Leadership,
  leaderRelease,
  leaderTake,
  passNote,
  reconcileNote,
  reconcileNoted,
  reconcileOldest,
} from "../../registry/reconcile.ts";
import { tenantList } from "../../registry/tenantList.ts";
import type { ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import { pause } from "../operations/retry.ts";
import { withinScope } from "../tracing/scope.ts";
import { act, StaleFacts } from "./act.ts";
import { type Decision, decide, type Finding } from "./decide.ts";
import type { TenantFacts } from "./facts.ts";
import { placeOfAction } from "./place.ts";
import { createFactsReader, type SpecCache } from "./readFacts.ts";

/**
 * Brings every target to its declared state. It takes no orders: a nudge or a timer wakes it, it reads the whole fleet, compares
 * (decide.ts), and asks for what is missing through the functions that people's requests go through (act.ts), a bounded
 * number of tenants at once. It keeps no memory that matters: what it finds is noted for people to read, and how often
 * something has failed is counted from the operations themselves, so it goes on after any end where it was.
 *
 * It promises to be safe to run all the time and everywhere: of all processes one leads, and an action of one that no longer
 * does is refused. It never deletes, replaces or overrides a person: what only those would mend, it says.
 */
export interface Reconciler {
  wake(): void;
  stop(): Promise<void>;
}

const labels = { controller: "targets", manifest_version: MANIFEST_API_VERSION.split("/")[1] ?? "" } as const;

/** A request that was refused for a reason of its own: kept here only, as the next process may ask again. */
interface Refusal {
  readonly count: number;
  readonly untilMs: number;
  readonly message: string;
}

interface Pass {
  readonly leadership: Leadership;
  readonly noted: ReadonlySet<string>;
  readonly seen: Set<string>;
  readonly targets: Set<string>;
  readonly verdicts: Map<ReconcileVerdict, number>;
  inSync: number;
  outOfSync: number;
}

export function createReconciler(service: ServiceContext): Reconciler {
  const { settings, registry, metrics, log } = service;
  const holder = service.process.processId;
  const cache: SpecCache = new Map();
  const refusals = new Map<string, Refusal>();
  const queue = pLimit(limits.reconcileConcurrency);
  const stopping = new AbortController();
  let stopped = settings.reconcile === "off";
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let lastEndMs = 0;
  let lastMs = 0;
  let leadership: Leadership | undefined;

  function lead(): Promise<Leadership | undefined> {
    const { alone } = service.process;
    return registry.record((record) => leaderTake(record, holder, limits.reconcileLeaseMs, { alone }));
  }

  async function pass(): Promise<void> {
    if (service.storage.problem() !== undefined) return;
    leadership = await lead();
    if (leadership === undefined) {
      // Another process tells by now; two that told would be added up.
      metrics.reconcileOutOfSync.reset();
      return metrics.reconcileLag.set(labels, 0);
    }
    const startedMs = Date.now();
    const noted = await registry.read(reconcileNoted);
    const now: Pass = {
      ...{ leadership, noted, seen: new Set<string>(), targets: new Set<string>(), verdicts: new Map() },
      ...{ inSync: 0, outOfSync: 0 },
    };
    const isWhole = await overFleet(now);
    const gone = isWhole ? [...noted].filter((tenantId) => !now.seen.has(tenantId)) : [];
    for (const tenantId of gone) await note(tenantId, []);
    if (isWhole) forgetGone(now);
    const { inSync, outOfSync } = now;
    const durationMs = Date.now() - startedMs;
    await registry.record((record) => passNote(record, { durationMs, inSync, outOfSync }));
    await measure(now);
  }

  /** Of tenants and targets that are no more nothing is kept in memory. */
  function forgetGone(now: Pass): void {
    for (const targetId of cache.keys()) if (!now.targets.has(targetId)) cache.delete(targetId);
    for (const tenantId of refusals.keys()) if (!now.seen.has(tenantId)) refusals.delete(tenantId);
  }

  /** Page by page, each worked off before the next is read, so that the queue stays as short as a page. True at its end. */
  async function overFleet(now: Pass): Promise<boolean> {
    const reader = createFactsReader(settings, cache);
    let cursor: string | undefined;
    do {
      const query: TenantListQuery = { limit: limits.reconcileBatch, cursor };
      const page: Page<Tenant> = await registry.read((db) => tenantList(db, query));
      const facts = await registry.read((db) => reader.read(db, page.items, Date.now()));
      const work = facts.map((one) => queue(() => judge(now, one)));
      metrics.reconcileQueue.set(labels, queue.pendingCount + queue.activeCount);
      await Promise.all(work);
      metrics.reconcileQueue.set(labels, 0);
      cursor = page.nextCursor ?? undefined;
      // SQLite answers without waiting: without this, nothing else would run until the end of the fleet.
      await breathe();
      const held = await lead();
      if (held?.token !== now.leadership.token) return false;
    } while (cursor !== undefined && !stopped);
    return !stopped;
  }

  /** Never throws: what goes wrong with one tenant is that tenant's. */
  async function judge(now: Pass, facts: TenantFacts): Promise<void> {
    if (stopped) return;
    const { tenantId } = facts.tenant;
    now.seen.add(tenantId);
    for (const { targetId } of facts.targets) now.targets.add(targetId);
    try {
      const decision = decide(facts);
      const findings = decision.actions.length > 0 ? await carryOut(now, facts, decision) : decision.findings;
      count(now, findings);
      if (findings.length === 0) refusals.delete(tenantId);
      if (findings.length > 0 || now.noted.has(tenantId)) await note(tenantId, findings);
    } catch (thrown) {
      log.error({ err: thrown, tenantId }, "a tenant could not be reconciled");
    } finally {
      metrics.reconcileQueue.set(labels, queue.pendingCount);
    }
  }

  async function carryOut(now: Pass, facts: TenantFacts, { actions, findings }: Decision) {
    const { tenantId } = facts.tenant;
    const refusal = refusals.get(tenantId);
    if (refusal !== undefined && facts.nowMs < refusal.untilMs) return put(findings, refusal);
    for (const action of actions) {
      const startedMs = Date.now();
      const done = (outcome: string) => {
        const place = placeOfAction(facts, action);
        const { region } = place;
        const seconds = (Date.now() - startedMs) / 1_000;
        metrics.reconcileActions.inc({ ...labels, region, action: action.kind, outcome });
        metrics.reconcileSeconds.observe({ ...labels, region, outcome }, seconds);
        metrics.tenants.reconcile({ tenantId, ...place, outcome, seconds });
      };
      try {
        await withinScope({ controller: labels.controller, tenantId }, () =>
          act(service, now.leadership, facts, action),
        );
        done("succeeded");
        refusals.delete(tenantId);
      } catch (thrown) {
        done(thrown instanceof StaleFacts ? "overtaken" : "failed");
        if (thrown instanceof StaleFacts) break;
        if (!(thrown instanceof ProblemError))
          log.error({ err: thrown, tenantId }, "an action failed unforeseen");
        const refused = refusedAgain(refusal, facts, thrown);
        refusals.set(tenantId, refused);
        return put(findings, refused);
      }
    }
    return findings;
  }

  function note(tenantId: string, findings: readonly Finding[]): Promise<void> {
    const rows = findings.map(({ nextAttemptAtMs, ...finding }) => ({
      ...finding,
      tenantId,
      nextAttemptAt: nextAttemptAtMs === null ? null : new Date(nextAttemptAtMs).toISOString(),
    }));
    return registry.record((record) => reconcileNote(record, tenantId, rows));
  }

  async function measure(now: Pass): Promise<void> {
    for (const verdict of RECONCILE_VERDICTS) {
      metrics.reconcileOutOfSync.set({ ...labels, verdict }, now.verdicts.get(verdict) ?? 0);
    }
    const oldest = await registry.read(reconcileOldest);
    metrics.reconcileLag.set(labels, oldest === undefined ? 0 : (Date.now() - Date.parse(oldest)) / 1_000);
  }

  async function run(): Promise<void> {
    while (again && !stopped) {
      const restMs =
        lastEndMs + Math.max(limits.reconcilePauseMs, lastMs * limits.reconcileRest) - Date.now();
      if (restMs > 0) await pause(restMs, stopping.signal);
      if (stopped) break;
      again = false;
      const startedMs = Date.now();
      const outcome = await pass().then(
        () => "succeeded",
        (thrown: unknown) => {
          log.error({ err: thrown }, "a reconcile pass failed");
          return "failed";
        },
      );
      lastEndMs = Date.now();
      lastMs = lastEndMs - startedMs;
      const seconds = lastMs / 1_000;
      metrics.reconcileSeconds.observe({ ...labels, controller: "fleet", region: "all", outcome }, seconds);
    }
    running = undefined;
  }

  function wake(): void {
    again = true;
    if (!stopped) running ??= run();
  }

  const stopListening = ["reconcile", "rollouts"].map((topic) => service.nudges.on(topic, wake));
  if (!stopped) timer = setInterval(wake, settings.reconcileEveryMs);

  return {
    wake,
    async stop() {
      stopped = true;
      stopping.abort("shutdown");
      clearInterval(timer);
      for (const end of stopListening) end();
      await running;
      const held = leadership;
      if (held === undefined) return;
      // A registry that is away must not cut off what else is stopping; the lease runs out by itself.
      await registry
        .record((record) => leaderRelease(record, held))
        .catch((thrown: unknown) => log.warn({ err: thrown }, "cannot give the reconcile loop's lease back"));
    },
  };
}

function count(now: Pass, findings: readonly Finding[]): void {
  if (findings.length === 0) now.inSync += 1;
  else now.outOfSync += 1;
  for (const { verdict } of findings) now.verdicts.set(verdict, (now.verdicts.get(verdict) ?? 0) + 1);
}

function refusedAgain(before: Refusal | undefined, { nowMs, policy }: TenantFacts, thrown: unknown): Refusal {
  const count = (before?.count ?? 0) + 1;
  const waitMs = Math.min(policy.backoffMaxMs, policy.backoffMs * 2 ** Math.min(count - 1, 30));
  const message =
    thrown instanceof ProblemError ? thrown.message : "the request failed unforeseen; see the log";
  return { count, untilMs: nowMs + Math.round(waitMs * (0.5 + Math.random() / 2)), message };
}

/** In place of "requested": it was refused, and will be asked for again. */
function put(findings: readonly Finding[], { untilMs, count, message }: Refusal): Finding[] {
  return findings.map((finding) =>
    finding.verdict === "requested"
      ? { ...finding, verdict: "waiting", reason: message, attempts: count, nextAttemptAtMs: untilMs }
      : finding,
  );
}
