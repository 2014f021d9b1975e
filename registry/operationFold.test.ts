import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JOURNAL_ENTRY_TYPES } from "../contract/vocabulary.ts";
import {
  applyEntry,
  type FoldEntry,
  foldOperation,
  IllegalJournalEntry,
  isFinished,
  type OperationState,
} from "./operationFold.ts";

const at = "2026-03-01T09:00:00.000Z";
const entry = (type: FoldEntry["type"], step?: string): FoldEntry => ({
  type,
  at,
  ...(step ? { step } : {}),
});
const fold = (...entries: FoldEntry[]) => foldOperation(entries);

describe("the fold of an operation's journal", () => {
  it("is nothing for no entries, and queued after the first", () => {
    expect(fold()).toBeUndefined();
    expect(fold(entry("created"))).toMatchObject({ status: "queued", attempt: 0, startedAt: null });
  });

  it("follows a run from start to end", () => {
    const state = fold(
      entry("created"),
      entry("started"),
      entry("step_started", "a"),
      entry("progress"),
      entry("step_succeeded", "a"),
      entry("step_started", "b"),
      entry("step_succeeded", "b"),
      entry("succeeded"),
    );
    expect(state).toMatchObject({ status: "succeeded", attempt: 1, currentStep: null, finishedAt: at });
    expect(state?.steps.map((step) => [step.name, step.status])).toEqual([
      ["a", "succeeded"],
      ["b", "succeeded"],
    ]);
  });

  it("counts the attempts of a step that is started again", () => {
    const state = fold(
      entry("created"),
      entry("started"),
      entry("step_started", "a"),
      entry("step_failed", "a"),
      entry("step_started", "a"),
    );
    expect(state?.steps.map((step) => [step.attempt, step.status])).toEqual([
      [1, "failed"],
      [2, "running"],
    ]);
  });

  it("counts a new attempt when a dead worker's operation is resumed, and its step may run again", () => {
    const state = fold(
      entry("created"),
      entry("started"),
      entry("step_started", "a"),
      entry("resumed"),
      entry("step_started", "a"),
    );
    expect(state).toMatchObject({ status: "running", attempt: 2, currentStep: "a" });
    expect(state?.steps.map((step) => step.status)).toEqual(["failed", "running"]);
  });

  it("counts no new attempt when a wait ends", () => {
    const waited = fold(entry("created"), entry("started"), entry("waiting"), entry("resumed"));
    expect(waited).toMatchObject({ status: "running", attempt: 1 });
    const neverRan = fold(entry("created"), entry("waiting"), entry("resumed"));
    expect(neverRan).toMatchObject({ status: "running", attempt: 1, startedAt: at });
  });

  it("remembers that a cancellation was asked for, until it ends some way", () => {
    const asked = fold(entry("created"), entry("started"), entry("cancel_requested"));
    expect(asked).toMatchObject({ status: "running", cancelRequested: true });
    expect(fold(entry("created"), entry("cancel_requested"), entry("cancelled"))?.status).toBe("cancelled");
  });

  it.each([
    ["a second creation", [entry("created"), entry("created")]],
    ["anything before the creation", [entry("started")]],
    ["success of what never ran", [entry("created"), entry("succeeded")]],
    [
      "success while a step runs",
      [entry("created"), entry("started"), entry("step_started", "a"), entry("succeeded")],
    ],
    [
      "two steps at once",
      [entry("created"), entry("started"), entry("step_started", "a"), entry("step_started", "b")],
    ],
    [
      "the end of another step",
      [entry("created"), entry("started"), entry("step_started", "a"), entry("step_failed", "b")],
    ],
    ["a step without a name", [entry("created"), entry("started"), entry("step_started")]],
    ["a second start", [entry("created"), entry("started"), entry("started")]],
    ["anything after the end", [entry("created"), entry("started"), entry("succeeded"), entry("progress")]],
  ])("refuses %s", (_what, entries) => {
    expect(() => foldOperation(entries)).toThrow(IllegalJournalEntry);
  });

  it("never leaves its invariants, whatever is appended", () => {
    const anyEntry = fc.record({
      type: fc.constantFrom(...JOURNAL_ENTRY_TYPES),
      at: fc.constant(at),
      step: fc.constantFrom("a", "b", null),
    });
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 60 }), (entries) => {
        const accepted: FoldEntry[] = [];
        let state: OperationState | undefined;
        for (const next of [entry("created"), ...entries]) {
          const before = state;
          try {
            state = applyEntry(state, next);
          } catch (error) {
            expect(error).toBeInstanceOf(IllegalJournalEntry);
            continue;
          }
          accepted.push(next);
          if (before !== undefined) {
            expect(isFinished(before.status)).toBe(false);
            expect(state.attempt).toBeGreaterThanOrEqual(before.attempt);
            expect(state.steps.length).toBeGreaterThanOrEqual(before.steps.length);
          }
          const running = state.steps.filter((step) => step.status === "running");
          expect(running.map((step) => step.name)).toEqual(
            state.currentStep === null ? [] : [state.currentStep],
          );
          expect(state.finishedAt !== null).toBe(isFinished(state.status));
          expect(state.status === "running" || state.currentStep === null).toBe(true);
          expect(state.attempt > 0).toBe(state.startedAt !== null);
        }
        // Entry by entry or all at once: the fold is the same.
        expect(foldOperation(accepted)).toEqual(state);
      }),
      { numRuns: 500 },
    );
  });
});
