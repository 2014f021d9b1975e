import type { OperationKind } from "../../contract/vocabulary.ts";
import { type Step, StepError, type StepRun } from "../../service/operations/saga.ts";
import { sagas } from "../../service/operations/sagas.ts";

/** What goes wrong in a tenant's operation, where, and how often in a row. */
export interface Blow {
  readonly kind: OperationKind;
  readonly step: string;
  readonly direction: "do" | "undo";
  readonly when: "before" | "after";
  /** fail: for good. transient: may be tried again. crash: the process writes nothing more, and another goes on. */
  readonly how: "fail" | "transient" | "crash";
  left: number;
}

/** Where an operation is: on one side of a step's effect. */
export type Place = Pick<Blow, "kind" | "step" | "direction" | "when"> & { readonly tenantId: string };

export interface Interferer {
  /** What is to strike here, counted as having struck. */
  strike(place: Place): Blow | undefined;
  /** Whether each of the tenant's steps is to have its effect twice, one right after the other. */
  repeats(tenantId: string): boolean;
  crash(run: StepRun): never;
}

/** Wraps every step of every saga, once; steps are shared between sagas. */
export function wrapSteps(interferer: Interferer): void {
  const steps = new Set(Object.values(sagas).flatMap((saga) => saga.steps));
  for (const step of steps) wrap(step, interferer);
}

function wrap(step: Step, interferer: Interferer): void {
  const { run: original, undo } = step;
  const around = step as { run: Step["run"]; undo?: Step["undo"] };
  around.run = (run) => meet(interferer, run, step, "do", () => original.call(step, run));
  if (typeof undo === "function") {
    around.undo = (run) => meet(interferer, run, step, "undo", () => undo.call(step, run));
  }
}

async function meet<T>(
  interferer: Interferer,
  run: StepRun,
  step: Step,
  direction: Blow["direction"],
  effect: () => Promise<T>,
): Promise<T> {
  const { tenantId } = run.target;
  const at = (when: Blow["when"]) => ({
    ...{ tenantId, kind: run.operation.kind, step: step.name, direction, when },
  });
  strike(interferer, run, at("before"));
  let result = await effect();
  if (interferer.repeats(tenantId)) result = await effect();
  strike(interferer, run, at("after"));
  return result;
}

function strike(interferer: Interferer, run: StepRun, place: Place): void {
  const blow = interferer.strike(place);
  if (blow === undefined) return;
  if (blow.how === "crash") interferer.crash(run);
  throw new StepError("injected", `Cannot go on ${blow.when} ${blow.step}: it was told to fail.`, {
    retryable: blow.how === "transient",
  });
}

/** The first that is still to strike at the place. */
export function blowAt(blows: readonly Blow[] | undefined, place: Place): Blow | undefined {
  return blows?.find(
    (blow) =>
      blow.left > 0 &&
      blow.kind === place.kind &&
      blow.step === place.step &&
      blow.direction === place.direction &&
      blow.when === place.when,
  );
}
