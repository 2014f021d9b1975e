import type { OperationKind } from "../contract/vocabulary.ts";
import type { Saga } from "../service/operations/saga.ts";
import { sagas } from "../service/operations/sagas.ts";

/**
 * What there is to be hit, from the sagas themselves and not from what happened to run: `<operation kind>/<step>` for each step,
 * and `<operation kind>/undo <step>` for each that can come to be undone. Behind a step that cannot be undone there is only forward, so
 * no step from there on ever is.
 */
export function stepKinds(): string[] {
  return Object.values(sagas).flatMap(stepKindsOf);
}

export function stepKindsOf({ kind, steps }: Pick<Saga, "kind" | "steps">): string[] {
  const wall = steps.findIndex(({ undo }) => undo === "impossible");
  const undoable = steps.filter(
    ({ undo }, place) => typeof undo === "function" && (wall < 0 || place < wall),
  );
  return [
    ...steps.map(({ name }) => `${kind}/${name}`),
    ...undoable.map(({ name }) => undoOf(`${kind}/${name}`)),
  ];
}

/** The undoing of a step kind. */
export function undoOf(stepKind: string): string {
  return stepKind.replace("/", "/undo ");
}

/** A cancellation during it comes too late, unless it is interrupted first. */
export function isLastStep(stepKind: string): boolean {
  return stepKind.endsWith(`/${sagas[operationOfStepKind(stepKind)].steps.at(-1)?.name}`);
}

/** The undoing of an operation's last step. */
export function isLastUndo(stepKind: string): boolean {
  return stepKind.includes("/undo ") && isLastStep(stepKind.replace("undo ", ""));
}

export function operationOfStepKind(stepKind: string): OperationKind {
  return stepKind.slice(0, stepKind.indexOf("/")) as OperationKind;
}
