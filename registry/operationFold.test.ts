import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JOURNAL_ENTRY_TYPES } from "../contract/vocabulary.ts";
import {
  applyEntry,
  endsOperation,
  type FoldEntry,
  foldOperation,
  IllegalJournalEntry,
  isFinished,
  legalEntries,
  type OperationState,
} from "./operationFold.ts";

const DOING: ReadonlySet<string> = new Set(["step_started", "step_succeeded", "step_failed", "succeeded"]);
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
    expect(asked).toMatchObject({ status: "running", cancelRequestedAt: at });
    expect(fold(entry("created"), entry("cancel_requested"), entry("cancelled"))?.status).toBe("cancelled");
  });

  it("is undone after it has turned round, and says whether that ended well", () => {
    const turned = [
      entry("created"),
      entry("started"),
      entry("step_started", "a"),
      entry("step_succeeded", "a"),
      entry("step_started", "b"),
      entry("step_failed", "b"),
      entry("compensating"),
    ];
    expect(fold(...turned)).toMatchObject({ status: "running", compensation: "running", currentStep: null });
    const undoing = [...turned, entry("undo_started", "b")];
    expect(fold(...undoing)).toMatchObject({ currentStep: "b" });
    expect(fold(...undoing, entry("undo_succeeded", "b"), entry("failed"))).toMatchObject({
      status: "failed",
      compensation: "succeeded",
    });
    expect(fold(...undoing, entry("undo_failed", "b"), entry("cancelled"))).toMatchObject({
      status: "cancelled",
      compensation: "failed",
    });
    expect(fold(...undoing, entry("resumed"), entry("failed"))?.compensation).toBe("failed");
    const again = fold(...undoing, entry("resumed"), entry("undo_started", "b"));
    expect(again?.steps.map((step) => [step.name, step.direction, step.attempt, step.status])).toEqual([
      ["a", "do", 1, "succeeded"],
      ["b", "do", 1, "failed"],
      ["b", "undo", 1, "failed"],
      ["b", "undo", 2, "running"],
    ]);
  });

  it.each([
    ["doing a step", entry("step_started", "a")],
    ["a cancellation", entry("cancel_requested")],
    ["success", entry("succeeded")],
    ["turning round again", entry("compensating")],
  ])("refuses %s once it has turned round", (_what, next) => {
    const turned = [entry("created"), entry("started"), entry("compensating")];
    expect(() => foldOperation([...turned, next])).toThrow(IllegalJournalEntry);
    expect(() => foldOperation([...turned, entry("resumed"), next])).toThrow(IllegalJournalEntry);
  });

  it("refuses undoing before it has turned round", () => {
    expect(() => fold(entry("created"), entry("started"), entry("undo_started", "a"))).toThrow(
      IllegalJournalEntry,
    );
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
          expect(endsOperation(next.type)).toBe(isFinished(state.status));
          expect(state.status === "running" || state.currentStep === null).toBe(true);
          expect(state.attempt > 0).toBe(state.startedAt !== null);
          // Once undone, never done again; and nothing that has turned round succeeds.
          const turnedAt = accepted.findIndex(({ type }) => type === "compensating");
          expect(turnedAt >= 0).toBe(state.compensation !== null);
          const doing = accepted.slice(turnedAt + 1).filter(({ type }) => DOING.has(type));
          if (turnedAt >= 0) expect(doing).toEqual([]);
          else expect(accepted.some(({ type }) => type.startsWith("undo_"))).toBe(false);
          expect(state.status === "succeeded" && state.compensation !== null).toBe(false);
          expect(state.compensation === "running").toBe(turnedAt >= 0 && !isFinished(state.status));
        }
        // What is said to be legal is what is accepted.
        for (const type of JOURNAL_ENTRY_TYPES) {
          if (legalEntries(state).includes(type)) continue;
          expect(() => applyEntry(state, entry(type, "a"))).toThrow(IllegalJournalEntry);
        }
        // Entry by entry or all at once: the fold is the same.
        expect(foldOperation(accepted)).toEqual(state);
      }),
      { numRuns: 500 },
    );
  });
});
