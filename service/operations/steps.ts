import type { Target } from "../../contract/target.ts";
import { driftToMend } from "../../registry/driftMend.ts";
import { placementOf } from "../../registry/placement.ts";
import { planOf } from "../../registry/planBinding.ts";
import { planeGet } from "../../registry/plane.ts";
import { releaseGet } from "../../registry/release.ts";
import { targetAppliedSpec } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { clusterNameOf } from "../../stacks/tenant/layoutOf.ts";
import { specDigest, TenantSpec } from "../../stacks/tenant/spec.ts";
import type { ServiceHealth } from "../cloud/cloudRuntime.ts";
import type { UpResult } from "../engine/engine.ts";
import { monotonicMs } from "../engine/monotonic.ts";
import { destroyStack, stackOf, withRecovery } from "./engineRun.ts";
import { expectedPlan, inWordsOfPlan } from "./planCheck.ts";
import { resolveSpec, type Workload } from "./resolveSpec.ts";
import { pause } from "./retry.ts";
import { type Step, StepError, type StepRun } from "./saga.ts";

/** Steps that several operations share. Each is a value; an operation's file puts them in order. */

export interface ResolvedResult extends Record<string, unknown> {
  readonly digest: string;
  readonly releaseNumber: number;
  readonly spec: TenantSpec;
}

export interface WorkloadFacts {
  readonly target: Target;
  /** The workload of the last run that succeeded. */
  readonly appliedWorkload: unknown;
}

/**
 * Freezes the spec for the run. Only its digest is kept in the journal: a resumed run resolves again, so that it deploys
 * what is recorded then instead of what was recorded before the interruption.
 */
export function resolveSpecStep(workloadOf: (target: WorkloadFacts) => Workload): Step {
  return {
    name: "resolve_spec",
    idempotence: "It only reads the registry; a repeat sees what is recorded by then.",
    inMemory: ["spec"],
    async run(run) {
      const { target, service, input } = run;
      const number = input.releaseNumber ?? target.targetReleaseNumber ?? target.currentReleaseNumber;
      if (number === null)
        throw new StepError("release_missing", "Cannot resolve the spec: no release is named.");
      const [tenant, plane, release, applied, placement] = await service.registry.read((db) =>
        Promise.all([
          tenantGet(db, target.tenantId),
          planeGet(db, target.planeName),
          releaseGet(db, number),
          targetAppliedSpec(db, target.targetId),
          placementOf(db, target.targetId),
        ]),
      );
      const workload = workloadOf({ target, appliedWorkload: applied?.workload });
      const plan = await service.registry.read((db) => planOf(db, tenant));
      const parts = { tenant, target, plane, plan, release, workload, placement };
      const resolved = resolveSpec(parts, service.settings);
      await run.say(`Release ${number} on ${target.planeName}, spec ${resolved.digest.slice(0, 12)}`);
      return { ...resolved, releaseNumber: number } satisfies ResolvedResult;
    },
  };
}

/**
 * The spec of the last run that succeeded, for putting things back as they were recorded: what has changed on the
 * tenant since then is not deployed along the way. Without one, what is recorded now.
 */
export function appliedSpecStep(workloadOf: (target: WorkloadFacts) => Workload): Step {
  const resolve = resolveSpecStep(workloadOf);
  return {
    ...resolve,
    async run(run) {
      const applied = await run.service.registry.read((db) => targetAppliedSpec(db, run.target.targetId));
      const parsed = TenantSpec.safeParse(applied);
      if (!parsed.success) return resolve.run(run);
      const spec = parsed.data;
      return { spec, digest: specDigest(spec), releaseNumber: spec.release.number } satisfies ResolvedResult;
    },
  };
}

/**
 * For operations that move data: a resumed run that resolves another spec, such as one of a newer version of this service, goes on where
 * it was. Its data steps done again would dump what is gone already, or put back what users have changed since.
 */
export function resolvedOnce(step: Step): Step {
  return { ...step, inMemory: ["spec", "digest"] };
}

export function resolvedOf(results: StepRun["results"]): ResolvedResult {
  const resolved = results.resolve_spec;
  if (resolved === undefined) throw new Error("Cannot deploy: the spec must be resolved first");
  return resolved as ResolvedResult;
}

export const deployStep: Step = {
  name: "deploy",
  idempotence: "The engine goes on from the stack's state, and recovery adopts what an interrupted run made.",
  async run(run) {
    const { spec, digest } = resolvedOf(run.results);
    if (isUnchanged(run, digest)) {
      await run.say("Nothing has changed since the last deployment; the engine is not needed");
      return { unchanged: true };
    }
    // A plain run compares with the state and would leave drift as it is.
    const { registry } = run.service;
    const refreshed = (await registry.read((db) => driftToMend(db, [run.target]))).has(run.target.targetId);
    const { engine } = run.service;
    const hooks = { ...run.hooks, ...expectedPlan(run, digest) };
    const result = await withRecovery(run, () =>
      refreshed ? engine.repair(spec, hooks) : engine.up(spec, hooks),
    ).catch(inWordsOfPlan);
    await run.say(`${result.resources} resources are as specified`);
    return { unchanged: false, refreshed, ...keptOfUp(result) };
  },
  async undo(run) {
    if (run.results.deploy?.unchanged === true) return;
    const spec = await specBefore(run);
    const { engine } = run.service;
    if (spec === undefined) {
      const { deleted } = await destroyStack(run);
      return run.say(`The target was not there before: ${deleted} resources are deleted`);
    }
    const { resources } = await withRecovery(run, () => engine.up(spec, run.hooks));
    return run.say(`${resources} resources are as release ${spec.release.number} had them`);
  },
};

/** The spec of the last deployment that succeeded; undefined when there was none. */
async function specBefore(run: StepRun): Promise<TenantSpec | undefined> {
  const applied = await run.service.registry.read((db) => targetAppliedSpec(db, run.target.targetId));
  if (applied === null) return undefined;
  const parsed = TenantSpec.safeParse(applied);
  if (!parsed.success) {
    throw new StepError(
      "spec_unreadable",
      "Cannot go back: the target's last spec must be readable by this version, and is not. Deploy a release instead.",
      { cause: parsed.error },
    );
  }
  // Task counts that a suspension had set to zero come back only when they are written.
  const toStop = run.target.requestedState === "suspended" || run.target.requestedState === "archived";
  const wasStopped = toStop && parsed.data.workload !== "suspended";
  return wasStopped ? { ...parsed.data, workload: "resuming" } : parsed.data;
}

export const repairStep: Step = {
  name: "repair",
  idempotence: "It compares the cloud with the state each time and changes only what differs.",
  undo: "impossible",
  async run(run) {
    const { spec } = resolvedOf(run.results);
    const result = await withRecovery(run, () => run.service.engine.repair(spec, run.hooks));
    await run.say(`${result.resources} resources are as specified`);
    return { refreshed: true, ...keptOfUp(result) };
  },
};

export const verifyStep: Step = {
  name: "verify",
  idempotence: "It only looks.",
  async run(run) {
    const { findings, checked } = await run.service.engine.drift(stackOf(run), run.hooks);
    if (findings.length > 0) {
      const names = findings.map((finding) => `${finding.resourceType} ${finding.logicalName}`).join(", ");
      throw new StepError(
        "drift_left",
        `Cannot finish the repair: the cloud must be as recorded, but these differ still: ${names}. ` +
          "Something may be changing them; find it, then repair again.",
        { retryable: true },
      );
    }
    await run.say(`${checked} resources are as recorded`);
    return { checked };
  },
};

/** What is worth keeping of a run: the outputs name the tenant's services, masked by the engine. */
export function keptOfUp(result: UpResult): Record<string, unknown> {
  const { outputs, summary, changed, resources } = result;
  return { outputs, summary, changed, resources };
}

/**
 * Equal digest, last operation succeeded, no open drift that a run could mend: the stack is what the spec says. Not when this operation had begun
 * already: it may have deployed another spec before it was interrupted, and resolved this one since.
 */
function isUnchanged(run: StepRun, digest: string): boolean {
  const { target, input } = run;
  if (input.force === true || run.begunBefore) return false;
  const before = input.before;
  return (
    target.currentSpecDigest === digest &&
    before?.lastOperationStatus === "succeeded" &&
    before.drift !== "drifted"
  );
}

/** Waits until as many healthy tasks run as are wanted, or the deadline says that they never will. */
export const steadyStep: Step = {
  name: "wait_until_steady",
  idempotence: "It only looks.",
  async run(run) {
    if (run.results.deploy?.unchanged === true) return { skipped: true };
    const { steadyTimeoutMs, steadyPollMs } = run.service.settings;
    const deadline = monotonicMs() + steadyTimeoutMs;
    let said = "";
    while (!run.hooks.signal.aborted) {
      const services = await healthOf(run);
      const waitingFor = services.filter((service) => !service.steady || !service.healthy);
      if (services.length > 0 && waitingFor.length === 0) {
        await run.say(`All ${services.length} services are steady and healthy`);
        return { services: services.map(({ name, desired, running }) => ({ name, desired, running })) };
      }
      const words = waitingFor.map(inWords).join("; ");
      if (monotonicMs() >= deadline) throw notSteady(words, steadyTimeoutMs);
      if (words !== said) await run.say(`Waiting for ${words}`);
      said = words;
      await pause(steadyPollMs, run.hooks.signal);
    }
    throw new StepError("cancelled", "The operation was cancelled while it waited for the services.");
  },
};

export async function healthOf(run: StepRun): Promise<readonly ServiceHealth[]> {
  const { spec } = resolvedOf(run.results);
  const { region, accountId } = spec.plane;
  const { roleArn, externalId } = spec.provider.assumeRole ?? {};
  return run.service.cloud.serviceHealth({
    region,
    accountId,
    ...(roleArn === undefined ? {} : { roleArn }),
    ...(externalId === undefined ? {} : { externalId }),
    cluster: clusterNameOf(spec),
    tenantId: spec.tenant.tenantId,
  });
}

function inWords(service: ServiceHealth): string {
  const reason = service.reason === undefined ? "" : ` (${service.reason})`;
  return `${service.name}: ${service.running} of ${service.desired} running${reason}`;
}

function notSteady(words: string, timeoutMs: number): StepError {
  return new StepError(
    "not_steady",
    `Cannot finish: the services must be steady and healthy within ${timeoutMs} ms, got ${words || "no services"}. ` +
      "Look at their events and logs, correct the release or the settings, and deploy again.",
  );
}
