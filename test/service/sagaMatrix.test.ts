import pLimit from "p-limit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { goesOnlyForward, lastThatCanBeUndone } from "../../chaos/matrix/cases.ts";
import type { Blow } from "../../chaos/matrix/interference.ts";
import type { OperationKind } from "../../contract/vocabulary.ts";
import { stepRetry } from "../../service/operations/retry.ts";
import type { Step } from "../../service/operations/saga.ts";
import { sagas } from "../../service/operations/sagas.ts";
import { controlPlane, createRelease, ended, startTestService, type TestService } from "./harness.ts";
import { begin, interfere, setups, stateOf, wrapSteps } from "./sagaMatrix.ts";

/**
 * Every saga, every step: a failure before and after its effect, once for good, twice in a row, a crash there, and every step
 * done twice. The sagas come from the table, so a new one is tried as soon as it is in it. What is asserted is the
 * end: in the registry, in the stacks, in databases and objects, in the routing. Engine and cloud are stand-ins here;
 * script/matrix does the same on the real ones.
 */
let service: TestService;
const atOnce = pLimit(8);
const kinds = Object.keys(sagas) as OperationKind[];
let names = 0;

beforeAll(async () => {
  Object.assign(stepRetry, { backoffMs: 1, backoffMaxMs: 2 });
  wrapSteps();
  const many = ["--concurrency", "16", "--plane-concurrency", "64", "--operation-memory-mb", "1"];
  service = await startTestService(many);
  await createRelease(service, "1.0.0");
  await createRelease(service, "2.0.0");
});
afterAll(() => service.stop());

describe.each(kinds)("%s", (kind) => {
  let old: unknown;
  let after: unknown;
  const { steps } = sagas[kind];

  beforeAll(async () => {
    const { tenantId, slug } = await prepared(kind);
    old = { ...(await stateOf(service, tenantId)), ...setups[kind].stays };
    const operation = await finished(kind, tenantId, slug);
    expect(operation, JSON.stringify(operation.error)).toMatchObject({ status: "succeeded" });
    after = await stateOf(service, tenantId);
  }, 60_000);

  it("says of each step why a repeat is harmless", () => {
    for (const step of steps) expect(step.idempotence.trim(), step.name).toMatch(/^[A-Z].{10,}\.$/s);
  });

  it("ends the same when every step is done twice", async () => {
    const { tenantId, slug } = await prepared(kind);
    interfere.repeat(tenantId);
    expect(await finished(kind, tenantId, slug)).toMatchObject({ status: "succeeded" });
    expect(await stateOf(service, tenantId)).toEqual(after);
  });

  it(
    "ends the same after two failures in a row that trying again mends, before and after each step's effect",
    () =>
      everywhere(steps, async (step, when) => {
        const { tenantId, slug } = await prepared(kind);
        interfere.plan(tenantId, { ...at(kind, step, when), how: "transient", left: 2 });
        const operation = await finished(kind, tenantId, slug);
        expect(operation, `${when} ${step.name}`).toMatchObject({ status: "succeeded" });
        expect(interfere.left(tenantId), `${when} ${step.name}`).toEqual([]);
        expect(await stateOf(service, tenantId), `${when} ${step.name}`).toEqual(after);
      }),
    120_000,
  );

  it(
    "ends the same after two crashes in a row, before and after each step's effect",
    () =>
      everywhere(steps, async (step, when) => {
        const { tenantId, slug } = await prepared(kind);
        interfere.plan(tenantId, { ...at(kind, step, when), how: "crash", left: 2 });
        const operation = await finished(kind, tenantId, slug);
        expect(operation, `${when} ${step.name}`).toMatchObject({ status: "succeeded", attempt: 3 });
        expect(await stateOf(service, tenantId), `${when} ${step.name}`).toEqual(after);
      }),
    120_000,
  );

  it(
    "leaves the old state, or what a retry brings to the new one, after a failure for good",
    () =>
      everywhere(steps, async (step, when) => {
        const { tenantId, slug } = await prepared(kind);
        interfere.plan(tenantId, { ...at(kind, step, when), how: "fail", left: 1 });
        const operation = await finished(kind, tenantId, slug);
        expect(operation, `${when} ${step.name}`).toMatchObject({
          status: "failed",
          error: { code: "injected", step: step.name },
        });
        await oldOrRetried(kind, step, tenantId, operation, `${when} ${step.name}`);
      }),
    120_000,
  );

  it(
    "undoes through two failures and two crashes of each step's undoing",
    () =>
      everywhere(steps, async (step, when) => {
        if (goesOnlyForward(kind, step) || typeof step.undo !== "function") return;
        const last = lastThatCanBeUndone(kind);
        for (const how of ["transient", "crash"] as const) {
          const { tenantId, slug } = await prepared(kind);
          interfere.plan(
            tenantId,
            { ...at(kind, last, "after"), how: "fail", left: 1 },
            { ...at(kind, step, when), direction: "undo", how, left: 2 },
          );
          const operation = await finished(kind, tenantId, slug);
          const what = `${how} ${when} undoing ${step.name}`;
          expect(interfere.left(tenantId), what).toEqual([]);
          expect(operation, what).toMatchObject({ status: "failed", compensation: "succeeded" });
          expect(await stateOf(service, tenantId), what).toEqual(old);
        }
      }),
    120_000,
  );

  it(
    "says what a person must do when undoing fails for good, and a retry then brings the new state",
    () =>
      everywhere(steps, async (step, when) => {
        if (goesOnlyForward(kind, step) || typeof step.undo !== "function") return;
        const { tenantId, slug } = await prepared(kind);
        interfere.plan(
          tenantId,
          { ...at(kind, step, "after"), how: "fail", left: 1 },
          { ...at(kind, step, when), direction: "undo", how: "fail", left: 1 },
        );
        const operation = await finished(kind, tenantId, slug);
        const what = `${when} undoing ${step.name}`;
        expect(operation, what).toMatchObject({
          status: "failed",
          compensation: "failed",
          error: { code: "injected", undo: { step: step.name, code: "injected" } },
        });
        expect(operation.error.message, what).toMatch(/retry this operation/);
        expect((await retried(operation.operationId)).status, what).toBe("succeeded");
        expect(await stateOf(service, tenantId), what).toEqual(after);
      }),
    120_000,
  );

  async function oldOrRetried(
    kind: OperationKind,
    step: Step,
    tenantId: string,
    operation: Ended,
    what: string,
  ): Promise<void> {
    if (!goesOnlyForward(kind, step)) expect(await stateOf(service, tenantId), what).toEqual(old);
    const again = await retried(operation.operationId);
    expect(again, `${what}, retried: ${JSON.stringify(again.error)}`).toMatchObject({
      status: "succeeded",
      retryOf: operation.operationId,
    });
    expect(await stateOf(service, tenantId), `${what}, retried`).toEqual(after);
  }
});

type Ended = Awaited<ReturnType<typeof ended>>;

async function prepared(kind: OperationKind): Promise<{ tenantId: string; slug: string }> {
  names += 1;
  const slug = `matrix-${names}`;
  const tenantId = await setups[kind].prepare(service, slug);
  return { tenantId, slug };
}

async function finished(kind: OperationKind, tenantId: string, slug: string): Promise<Ended> {
  return ended(service, await begin(service, kind, tenantId, slug));
}

async function retried(operationId: string): Promise<Ended> {
  const answer = await service.call("POST", `${controlPlane}/operations/${operationId}/retry`, { body: {} });
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  return ended(service, answer.body.operationId);
}

function at(
  kind: OperationKind,
  step: Step,
  when: Blow["when"],
): Pick<Blow, "kind" | "step" | "direction" | "when"> {
  return { kind, step: step.name, direction: "do", when };
}

async function everywhere(
  steps: readonly Step[],
  attempt: (step: Step, when: Blow["when"]) => Promise<void>,
): Promise<void> {
  const places = steps.flatMap((step) => (["before", "after"] as const).map((when) => ({ step, when })));
  await Promise.all(places.map(({ step, when }) => atOnce(() => attempt(step, when))));
}
