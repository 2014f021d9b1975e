import { journalList } from "../../registry/journal.ts";
import type { Reader } from "../../registry/registry.ts";
import { limits } from "../config.ts";

/** What the journal says of earlier runs of an operation. */
export interface PastRun {
  readonly begun: boolean;
  readonly cancelRequested: boolean;
  /** Of the steps that succeeded. */
  readonly results: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** The step that was running when the process ended, and the name of its engine run. */
  readonly cutOff: { readonly step: string; readonly runId: string } | undefined;
}

export async function pastRunOf(db: Reader, operationId: string): Promise<PastRun> {
  const results: Record<string, Record<string, unknown>> = {};
  let begun = false;
  let cancelRequested = false;
  let open: PastRun["cutOff"];
  let after = 0;
  for (;;) {
    const entries = await journalList(db, operationId, after, limits.journalReadEntries);
    for (const { type, step, data, sequence } of entries) {
      after = sequence;
      if (type === "started" || type === "resumed") begun = true;
      if (type === "cancel_requested") cancelRequested = true;
      if (step === null) continue;
      if (type === "step_started") open = { step, runId: String(data.runId) };
      if (type === "step_succeeded") results[step] = data;
      if (type === "step_succeeded" || type === "step_failed") open = undefined;
    }
    if (entries.length < limits.journalReadEntries) break;
  }
  return { begun, cancelRequested, results, cutOff: open };
}
