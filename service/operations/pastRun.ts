import type { JournalEntry } from "../../contract/operation.ts";
import { journalList } from "../../registry/journal.ts";
import { operationInput } from "../../registry/operation.ts";
import type { Reader } from "../../registry/registry.ts";
import type { OperationErrorValue } from "../../registry/schema.ts";
import { limits } from "../config/limits.ts";
import type { OperationInput } from "./saga.ts";

/** Why an operation is being undone, and how it will end. */
export interface Cause {
  readonly outcome: "failed" | "cancelled";
  readonly error: OperationErrorValue | undefined;
}

/** What the journal says of earlier runs of an operation. */
export interface PastRun {
  readonly begun: boolean;
  /** How often it has been taken up since a step was last done, or undone, that was not before. */
  readonly stalls: number;
  readonly cancelRequested: boolean;
  /** Of the steps that succeeded. */
  readonly results: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Steps that were begun, whether or not they succeeded: what they did may be there. */
  readonly steps: ReadonlySet<string>;
  /** Set once the operation was turned round: it is undone, never done, from there on. */
  readonly cause: Cause | undefined;
  readonly undone: ReadonlySet<string>;
  readonly undoBegun: ReadonlySet<string>;
  /** The step that was running when the process ended, and the name of its engine run. */
  readonly cutOff: { readonly step: string; readonly runId: string } | undefined;
}

export async function pastRunOf(db: Reader, operationId: string): Promise<PastRun> {
  const past = createFold();
  for (let after = 0; ; ) {
    const entries = await journalList(db, operationId, after, limits.journalReadEntries);
    for (const entry of entries) past.add(entry);
    if (entries.length < limits.journalReadEntries) return past.read();
    after = entries.at(-1)?.sequence ?? after;
  }
}

/** With those it continues, which is so for retries of what was kept or could not be undone. */
export async function wholePastRunOf(
  db: Reader,
  operationId: string,
  { continues }: OperationInput,
): Promise<PastRun> {
  const own = await pastRunOf(db, operationId);
  if (continues === undefined) return own;
  const input = (await operationInput(db, continues)) as OperationInput;
  return continued(own, await wholePastRunOf(db, continues, input));
}

/** As if the steps of the earlier operation were this one's own, but for those that it has begun to undo. */
function continued(own: PastRun, earlier: PastRun): PastRun {
  const stands = Object.entries(earlier.results).filter(([step]) => !earlier.undoBegun.has(step));
  const steps = [...earlier.steps].filter((step) => !earlier.undone.has(step));
  const results = Object.fromEntries(stands);
  for (const [step, result] of Object.entries(own.results)) putResult(results, step, result);
  for (const step of own.steps) if (own.results[step] === undefined) delete results[step];
  return { ...own, results, steps: new Set([...steps, ...own.steps]) };
}

type Results = Record<string, Readonly<Record<string, unknown>>>;

/** Another result than before makes void what later steps had made of the earlier one, although nobody may have begun to do it again. */
function putResult(results: Results, step: string, result: Results[string]): void {
  const before = results[step];
  if (before !== undefined && JSON.stringify(before) !== JSON.stringify(result)) {
    const names = Object.keys(results);
    for (const later of names.slice(names.indexOf(step) + 1)) delete results[later];
  }
  results[step] = result;
}

function createFold(): { add(entry: JournalEntry): void; read(): PastRun } {
  const results: Results = {};
  const [steps, done] = [new Set<string>(), new Set<string>()];
  const [undone, undoBegun] = [new Set<string>(), new Set<string>()];
  let [begun, cancelRequested, stalls] = [false, false, 0];
  let cause: Cause | undefined;
  let cutOff: PastRun["cutOff"];
  return {
    add({ type, step, data }) {
      if (type === "started" || type === "resumed") begun = true;
      if (type === "resumed") stalls += 1;
      if (type === "cancel_requested") cancelRequested = true;
      if (type === "compensating") [cause, stalls] = [causeOf(data), 0];
      if (step === null) return;
      const isNew =
        type === "step_succeeded" ? !done.has(step) : type === "undo_succeeded" && !undone.has(step);
      if (isNew) stalls = 0;
      if (type === "step_started") steps.add(step);
      if (type === "step_succeeded") putResult(results, step, data);
      if (type === "step_succeeded") done.add(step);
      if (type === "undo_started") undoBegun.add(step);
      if (type === "undo_succeeded") undone.add(step);
      if (type === "step_started" || type === "undo_started") cutOff = { step, runId: String(data.runId) };
      else if (type !== "progress") cutOff = undefined;
    },
    read: () => ({ begun, stalls, cancelRequested, results, steps, cause, undone, undoBegun, cutOff }),
  };
}

function causeOf({ outcome, error }: Record<string, unknown>): Cause {
  return {
    outcome: outcome === "cancelled" ? "cancelled" : "failed",
    error: (error ?? undefined) as OperationErrorValue | undefined,
  };
}
