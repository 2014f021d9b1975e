import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OperationKind } from "../../contract/vocabulary.ts";
import { EngineError } from "../../service/engine/errors.ts";
import { stepRetry } from "../../service/operations/retry.ts";
import type { Step, StepRun } from "../../service/operations/saga.ts";
import { sagas } from "../../service/operations/sagas.ts";
import { context } from "../registry/fixtures.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  dump,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";
import { begin, setups } from "./sagaMatrix.ts";
import { takeOver } from "./takeOver.ts";

let service: TestService;
const backoff = { ...stepRetry };

beforeAll(async () => {
  Object.assign(stepRetry, { backoffMs: 1, backoffMaxMs: 2 });
  service = await startTestService();
  await createRelease(service, "1.0.0");
  await createRelease(service, "2.0.0");
});
afterAll(async () => {
  Object.assign(stepRetry, backoff);
  await service.stop();
});

it("an owner whose operation was taken over writes nothing more, whatever its run ends with", async () => {
  const tenantId = await createTenant(service, "fenced-off");
  await run(service, `/tenants/${tenantId}/activate`, { releaseNumber: 1 });
  let open = () => {};
  service.world.gate = new Promise((resolve) => {
    open = resolve;
  });
  const runs = service.world.runs.length;
  const at = `${controlPlane}/tenants/${tenantId}/deploy`;
  const { body } = await service.call("POST", at, { body: { releaseNumber: 2 } });
  const [{ operationId }] = body.operations;
  await waitFor("the run", async () => service.world.runs[runs]);
  await takeOver(service, operationId);
  const before = await dump(service);
  open();
  service.world.gate = undefined;
  // The run has had its effect and its owner has found out that it may not say so.
  await waitFor("the end of the run", async () =>
    [...service.world.stacks.values()].find(
      ({ spec }) => spec.tenant.tenantId === tenantId && spec.release.number === 2,
    ),
  );
  await givenUp();
  expect(writtenSince(before, await dump(service))).toEqual([]);
});

/** Every step that writes to the registry, and how its writing is brought about. */
interface Writing {
  readonly kind: OperationKind;
  readonly step: string;
  readonly direction: "run" | "undo";
  /** Before the operation is asked for. */
  prepare?(tenantId: string): Promise<void>;
  /** When it stands before the step. */
  meanwhile?(tenantId: string): void;
}

const failingAt = (call: string) => async (tenantId: string) => {
  service.world.data.onCall = (made) => {
    if (made.startsWith(call) && made.includes(tenantId)) throw new Error("told to fail");
  };
};

const writing: readonly Writing[] = [
  { kind: "tenant_suspend", step: "publish_routing", direction: "run" },
  {
    ...{ kind: "tenant_suspend", step: "publish_routing", direction: "undo" },
    prepare: async () => void service.world.failures.push(new EngineError("program_failed", "broken")),
  },
  { kind: "tenant_archive", step: "record_archive", direction: "run" },
  {
    ...{ kind: "tenant_archive", step: "record_archive", direction: "undo" },
    prepare: failingAt("drop "),
  },
  { kind: "tenant_decommission", step: "delete_archives", direction: "run", prepare: expiredArchive },
  { kind: "drift_repair", step: "look_again", direction: "run", meanwhile: otherFinding },
  {
    ...{ kind: "drift_repair", step: "check_automatic", direction: "run" },
    meanwhile: () => {
      service.world.plan = () => [
        {
          urn: "u",
          op: "delete",
          resourceType: "t",
          logicalName: "n",
          properties: [],
          replaceProperties: [],
        },
      ];
    },
  },
];

describe("a step that stood still while its operation was taken over", () => {
  it.each(writing.map((one) => [`${one.direction} of ${one.kind}/${one.step}`, one] as const))(
    "writes nothing: %s",
    async (_what, { kind, step, direction, prepare, meanwhile }) => {
      const slug = `thawed-${writing.findIndex((one) => one.step === step && one.direction === direction)}`;
      const tenantId = await setups[kind].prepare(service, slug);
      await prepare?.(tenantId);
      const held = holdBefore(kind, step, direction, step === "check_automatic");
      try {
        const operationId = await begin(service, kind, tenantId, slug);
        await held.reached;
        await takeOver(service, operationId);
        meanwhile?.(tenantId);
        const before = await dump(service);
        held.open();
        // It did try to write, and was refused.
        expect(await held.outcome).toBe("LeaseLostError");
        await givenUp();
        expect(writtenSince(before, await dump(service))).toEqual([]);
      } finally {
        held.release();
        service.world.data.onCall = undefined;
        service.world.plan = undefined;
      }
    },
  );
});

/** Makes the step wait in front of what it does, as a process does that is frozen there. */
function holdBefore(kind: OperationKind, name: string, direction: "run" | "undo", automatic: boolean) {
  const step = sagas[kind].steps.find((one) => one.name === name) as {
    -readonly [Member in keyof Step]: Step[Member];
  };
  const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const outcome = Promise.withResolvers<string>();
  const { run: original, undo } = step;
  const held = async (run: StepRun): Promise<Record<string, unknown>> => {
    reached.resolve();
    await gate.promise;
    const asked = automatic ? { ...run, input: { ...run.input, automatic: true as const } } : run;
    try {
      const result = direction === "run" ? await original.call(step, asked) : undefined;
      if (direction === "undo" && typeof undo === "function") await undo.call(step, asked);
      outcome.resolve("it was done");
      return result ?? {};
    } catch (thrown) {
      outcome.resolve((thrown as Error).name);
      throw thrown;
    }
  };
  if (direction === "run") step.run = held;
  else step.undo = async (run) => void (await held(run));
  return {
    reached: reached.promise,
    outcome: outcome.promise,
    open: gate.resolve,
    release() {
      step.run = original;
      if (undo !== undefined) step.undo = undo;
    },
  };
}

async function expiredArchive(tenantId: string): Promise<void> {
  await run(service, `/tenants/${tenantId}/suspend`, { reason: "because of a test" });
  await run(service, `/tenants/${tenantId}/archive`, { reason: "because of a test", retentionDays: 30 });
  await service.registry().change(context, async (change) => {
    const retainUntil = "2026-01-01T00:00:00.000Z";
    await change.db.updateTable("archives").set({ retainUntil }).where("tenantId", "=", tenantId).execute();
    await change.audit({ action: "test.expired", target: { type: "tenant", id: tenantId }, tenantId });
  });
}

function otherFinding(tenantId: string): void {
  const [, stack] = [...service.world.stacks].find(([key]) => key.includes(tenantId)) ?? [];
  const [finding] = stack?.findings ?? [];
  if (finding === undefined) throw new Error("the stack must have drifted");
  stack?.findings.push({ ...finding, urn: `${finding.urn}-2`, logicalName: "other", physicalId: "other" });
}

/** Rows that are not as they were, each with its table. */
function writtenSince(before: string, after: string): string[] {
  const rows = (dumped: string) =>
    (JSON.parse(dumped) as [string, unknown[]][]).flatMap(([table, found]) =>
      found.map((row) => `${table} ${JSON.stringify(row)}`),
    );
  const [earlier, later] = [rows(before), rows(after)];
  const [were, are] = [new Set(earlier), new Set(later)];
  return [...earlier.filter((row) => !are.has(row)), ...later.filter((row) => !were.has(row))];
}

async function givenUp(): Promise<void> {
  await waitFor("the owner's giving up", async () => {
    const { body: metrics } = await service.call("GET", "/metrics", { key: service.adminKey });
    return /tenantry_operations_running 0/.test(String(metrics)) ? true : undefined;
  });
}
