import { archiveGet, archiveMark } from "../../registry/archive.ts";
import { targetsOfTenant } from "../../registry/target.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { tenantTransitionComplete } from "../../registry/tenantLifecycle.ts";
import { specDigest, type TenantSpec } from "../../stacks/tenant/spec.ts";
import type { ArchiveFacts } from "./archivePlace.ts";
import { provisionDatabaseStep, restoreDatabaseStep, restoreObjectsStep } from "./dataSteps.ts";
import { withRecovery } from "./engineRun.ts";
import { recordDeployed, recordUnfinished } from "./observed.ts";
import { publishRoutingStep } from "./routingStep.ts";
import type { EndedRun, Saga, Step } from "./saga.ts";
import { deployStep, keptOfUp, resolvedOf, resolvedOnce, resolveSpecStep, steadyStep } from "./steps.ts";

const findArchiveStep: Step = {
  name: "find_archive",
  idempotence: "It only reads the registry.",
  async run(run) {
    const archiveId = run.input.archive?.archiveId;
    if (archiveId === undefined) throw new Error("Cannot restore: the request must have named the archive");
    const { bucket, prefix, manifest } = await run.service.registry.read((db) => archiveGet(db, archiveId));
    await run.say(`Restoring archive ${archiveId}`);
    return { bucket, prefix, manifest } satisfies ArchiveFacts;
  },
};

/** Only now: services that ran before would work on half of their data, and write into it. */
const startStep: Step = {
  name: "start_workloads",
  idempotence: "The engine goes on from the stack's state.",
  inMemory: ["spec"],
  async run(run) {
    const spec: TenantSpec = { ...resolvedOf(run.results).spec, workload: "resuming" };
    const result = await withRecovery(run, () => run.service.engine.up(spec, run.hooks));
    await run.say("The services start on the restored data");
    return { spec, digest: specDigest(spec), ...keptOfUp(result) };
  },
};

/**
 * Brings an archived target back: its stack without a running task, then its data, compared with the checksums of the
 * archive, then its services, and at the very end its users. It is a new generation of the target. The archive stays.
 */
export const tenantRestore: Saga = {
  kind: "tenant_restore",
  steps: [
    ...[findArchiveStep, resolvedOnce(resolveSpecStep(() => "suspended")), deployStep, provisionDatabaseStep],
    ...[restoreDatabaseStep, restoreObjectsStep, startStep, steadyStep, publishRoutingStep],
  ],
  async end(change, run) {
    if (run.outcome !== "succeeded") return recordUnfinished(change, run);
    const { tenantId } = run.target;
    await recordDeployed(change, asStarted(run), "ready");
    const reason = run.operation.reason ?? undefined;
    const archiveId = run.input.archive?.archiveId;
    if (archiveId !== undefined) await archiveMark(change, archiveId, "restored", reason ?? null);
    const tenant = await tenantGet(change.db, tenantId);
    if (tenant.status !== "archived" || tenant.requestedStatus !== "active") return;
    const wanted = (await targetsOfTenant(change.db, tenantId)).filter(
      (target) => target.requestedState !== "absent",
    );
    if (wanted.some((target) => target.deploymentState !== "ready")) return;
    await tenantTransitionComplete(change, tenantId, "restore", reason);
  },
};

/** The deployment that counts is the second one. */
function asStarted(run: EndedRun): EndedRun {
  const { resolve_spec, start_workloads } = run.results;
  const { spec, digest } = start_workloads ?? {};
  const results = {
    ...run.results,
    resolve_spec: { ...resolve_spec, spec, digest },
    deploy: start_workloads ?? {},
  };
  return { ...run, results };
}
