import type { OperationKind } from "../../contract/vocabulary.ts";
import type { Step } from "../../service/operations/saga.ts";
import { sagas } from "../../service/operations/sagas.ts";
import type { Blow } from "./interference.ts";

/** One thing that goes wrong, or is done twice, in one operation. */
export interface Case {
  readonly kind: OperationKind;
  /** A step's doing or undoing on one side of its effect; all steps, when everything is to be done twice. */
  readonly at: Pick<Blow, "step" | "direction" | "when"> | "every step";
  /** fail: once, for good. transient and crash: twice in a row. repeat: each step has its effect twice. */
  readonly how: Blow["how"] | "repeat";
}

/**
 * Every case that there is, from the table of sagas: each step on both sides of its effect fails for good, twice in a way
 * that trying again mends, and twice by the service's death; the same of each undoing; and each operation with every step done twice.
 */
export function allCases(): Case[] {
  return (Object.keys(sagas) as OperationKind[]).flatMap((kind) => {
    const { steps } = sagas[kind];
    const undoable = steps.filter((step) => typeof step.undo === "function" && !goesOnlyForward(kind, step));
    const all = [
      ...steps.map((step) => ({ step, direction: "do" as const })),
      ...undoable.map((step) => ({ step, direction: "undo" as const })),
    ];
    const broken = all.flatMap(({ step, direction }) =>
      (["before", "after"] as const).flatMap((when) =>
        (["fail", "transient", "crash"] as const).map((how) => ({
          ...{ kind, how, at: { step: step.name, direction, when } },
        })),
      ),
    );
    return [{ kind, at: "every step", how: "repeat" } as const, ...broken];
  });
}

/** What has to strike for the case to come to pass. */
export function blowsOf({ kind, at, how }: Case): Blow[] {
  if (at === "every step" || how === "repeat") return [];
  const blow: Blow = { kind, ...at, how, left: how === "fail" ? 1 : 2 };
  if (at.direction === "do") return [blow];
  const step = how === "fail" ? at.step : lastThatCanBeUndone(kind).name;
  return [{ kind, step, direction: "do", when: "after", how: "fail", left: 1 }, blow];
}

/** What the operation must have come to, and what its end must have left. */
export interface Outcome {
  readonly status: "succeeded" | "failed";
  readonly compensation?: "succeeded" | "failed";
  /** Undefined: something between, which a retry leads to the new state. */
  readonly left: "new" | "old" | undefined;
}

export function outcomeOf({ kind, at, how }: Case): Outcome {
  if (at === "every step") return { status: "succeeded", left: "new" };
  if (at.direction === "undo") {
    if (how === "fail") return { status: "failed", compensation: "failed", left: undefined };
    return { status: "failed", compensation: "succeeded", left: "old" };
  }
  if (how !== "fail") return { status: "succeeded", left: "new" };
  return { status: "failed", left: goesOnlyForward(kind, stepOf(kind, at.step)) ? undefined : "old" };
}

export function nameOf({ kind, at, how }: Case): string {
  if (at === "every step") return `${kind}: every step twice`;
  const { step, direction, when } = at;
  const times = how === "fail" ? "" : " twice";
  return `${kind}: ${how}${times} ${when} ${direction === "undo" ? "undoing " : ""}${step}`;
}

/** Whether a failure in the step finds something begun that cannot be undone. */
export function goesOnlyForward(kind: OperationKind, step: Pick<Step, "name">): boolean {
  const { steps } = sagas[kind];
  const reached = steps.slice(0, steps.findIndex(({ name }) => name === step.name) + 1);
  return reached.some(({ undo }) => undo === "impossible");
}

export function lastThatCanBeUndone(kind: OperationKind): Step {
  const last = sagas[kind].steps.filter((step) => !goesOnlyForward(kind, step)).at(-1);
  if (last === undefined) throw new Error(`no step of ${kind} can be undone`);
  return last;
}

function stepOf(kind: OperationKind, name: string): Step {
  const found = sagas[kind].steps.find((step) => step.name === name);
  if (found === undefined) throw new Error(`${kind} has no step ${name}`);
  return found;
}
