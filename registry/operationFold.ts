import type { OperationStep } from "../contract/operation.ts";
import type { Compensation, JournalEntryType, OperationStatus } from "../contract/vocabulary.ts";

/**
 * What an operation is, folded from its journal. The journal is the truth; this function alone says which entry
 * may follow which, and it refuses the others rather than bending: an entry out of place means that two workers believe
 * they own the operation, or that one has lost its way.
 *
 * Steps run one at a time. `resumed` ends a wait, or takes up an operation whose worker died; then the step that was
 * running counts as failed and may be started again. `compensating` turns the operation round for good: from then on
 * steps are undone and none is done, whoever takes it up. After succeeded, failed and cancelled nothing follows.
 */
export interface FoldEntry {
  readonly type: JournalEntryType;
  readonly at: string;
  readonly step?: string | null;
  readonly message?: string | null;
}

export interface OperationState {
  readonly status: OperationStatus;
  readonly attempt: number;
  readonly currentStep: string | null;
  /** When it was first asked for. */
  readonly cancelRequestedAt: string | null;
  readonly compensation: Compensation | null;
  readonly steps: readonly OperationStep[];
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

const LEGAL: Readonly<Record<OperationStatus | "none", readonly JournalEntryType[]>> = {
  none: ["created"],
  queued: ["started", "waiting", "cancel_requested", "failed", "cancelled"],
  running: [
    "step_started",
    "step_succeeded",
    "step_failed",
    "compensating",
    "progress",
    "waiting",
    "cancel_requested",
    "resumed",
    "succeeded",
    "failed",
    "cancelled",
  ],
  waiting: ["resumed", "progress", "cancel_requested", "failed", "cancelled"],
  succeeded: [],
  failed: [],
  cancelled: [],
};

/** Instead, once an operation is being undone. */
const LEGAL_COMPENSATING: Readonly<Record<"running" | "waiting", readonly JournalEntryType[]>> = {
  running: [
    "undo_started",
    "undo_succeeded",
    "undo_failed",
    "progress",
    "waiting",
    "resumed",
    "failed",
    "cancelled",
  ],
  waiting: ["resumed", "progress", "failed", "cancelled"],
};

/** What may follow. */
export function legalEntries(state: OperationState | undefined): readonly JournalEntryType[] {
  const status = state?.status ?? "none";
  const turned = state?.compensation === "running" && (status === "running" || status === "waiting");
  return turned ? LEGAL_COMPENSATING[status] : LEGAL[status];
}

export class IllegalJournalEntry extends Error {
  constructor(message: string) {
    super(message);
    this.name = "IllegalJournalEntry";
  }
}

export function isFinished(status: OperationStatus): boolean {
  return LEGAL[status].length === 0;
}

/** Whether nothing follows this entry. */
export function endsOperation(type: JournalEntryType): boolean {
  return type === "succeeded" || type === "failed" || type === "cancelled";
}

export function foldOperation(entries: readonly FoldEntry[]): OperationState | undefined {
  return entries.reduce<OperationState | undefined>(applyEntry, undefined);
}

/** The next state, or IllegalJournalEntry. */
export function applyEntry(state: OperationState | undefined, entry: FoldEntry): OperationState {
  const legal = legalEntries(state);
  if (!legal.includes(entry.type)) {
    const status = state?.compensation === "running" ? "compensating" : (state?.status ?? "none");
    throw new IllegalJournalEntry(
      `Cannot append ${entry.type}: after ${status} the journal takes ${legal.join(", ") || "nothing"}, got ${entry.type}.`,
    );
  }
  if (state === undefined) {
    return {
      status: "queued",
      attempt: 0,
      currentStep: null,
      cancelRequestedAt: null,
      compensation: null,
      steps: [],
      startedAt: null,
      finishedAt: null,
    };
  }
  return TRANSITIONS[entry.type](state, entry);
}

type Transition = (state: OperationState, entry: FoldEntry) => OperationState;

const end =
  (status: OperationStatus): Transition =>
  (state, entry) => ({
    ...closeStep(state, "failed", entry),
    status,
    compensation: state.compensation === null ? null : isUndone(state) ? "succeeded" : "failed",
    finishedAt: entry.at,
  });

/** Whether everything that was begun to be undone has been. */
function isUndone({ steps }: OperationState): boolean {
  const last = steps.at(-1);
  return last === undefined || last.direction === "do" || last.status === "succeeded";
}

const TRANSITIONS: Readonly<Record<JournalEntryType, Transition>> = {
  created: (state) => state,
  started: (state, entry) => ({ ...state, status: "running", attempt: 1, startedAt: entry.at }),
  progress: (state) => state,
  cancel_requested: (state, entry) => ({ ...state, cancelRequestedAt: state.cancelRequestedAt ?? entry.at }),
  waiting: (state, entry) => ({ ...closeStep(state, "failed", entry), status: "waiting" }),
  resumed: (state, entry) => resume(state, entry),
  step_started: (state, entry) => startStep(state, entry, "do"),
  step_succeeded: (state, entry) => closeStep(requireStep(state, entry), "succeeded", entry),
  step_failed: (state, entry) => closeStep(requireStep(state, entry), "failed", entry),
  compensating: (state, entry) => ({ ...closeStep(state, "failed", entry), compensation: "running" }),
  undo_started: (state, entry) => startStep(state, entry, "undo"),
  undo_succeeded: (state, entry) => closeStep(requireStep(state, entry), "succeeded", entry),
  undo_failed: (state, entry) => closeStep(requireStep(state, entry), "failed", entry),
  succeeded: (state, entry) => {
    if (state.currentStep !== null) {
      throw new IllegalJournalEntry(`Cannot append succeeded: step ${state.currentStep} must end first.`);
    }
    return { ...state, status: "succeeded", finishedAt: entry.at };
  },
  failed: end("failed"),
  cancelled: end("cancelled"),
};

function resume(state: OperationState, entry: FoldEntry): OperationState {
  const startedAt = state.startedAt ?? entry.at;
  // A wait that ends is the same attempt; a worker that died is not.
  const attempt = state.status === "waiting" ? Math.max(1, state.attempt) : state.attempt + 1;
  return { ...closeStep(state, "failed", entry), status: "running", attempt, startedAt };
}

function startStep(
  state: OperationState,
  entry: FoldEntry,
  direction: OperationStep["direction"],
): OperationState {
  const name = entry.step ?? "";
  if (name === "") throw new IllegalJournalEntry(`Cannot append ${entry.type}: it must name its step.`);
  if (state.currentStep !== null) {
    throw new IllegalJournalEntry(`Cannot start step ${name}: step ${state.currentStep} must end first.`);
  }
  const earlier = state.steps.filter((step) => step.name === name && step.direction === direction);
  const attempt = earlier.length + 1;
  const step: OperationStep = {
    name,
    direction,
    status: "running",
    attempt,
    startedAt: entry.at,
    finishedAt: null,
    message: entry.message ?? null,
  };
  return { ...state, currentStep: name, steps: [...state.steps, step] };
}

function requireStep(state: OperationState, entry: FoldEntry): OperationState {
  if (state.currentStep !== null && state.currentStep === entry.step) return state;
  throw new IllegalJournalEntry(
    `Cannot append ${entry.type}: the running step must be ${entry.step ?? "named"}, got ${state.currentStep ?? "none"}.`,
  );
}

/** Ends the running step, if there is one. */
function closeStep(state: OperationState, status: "succeeded" | "failed", entry: FoldEntry): OperationState {
  const last = state.steps.at(-1);
  if (state.currentStep === null || last === undefined) return state;
  const closed: OperationStep = {
    ...last,
    status,
    finishedAt: entry.at,
    message: entry.message ?? last.message,
  };
  return { ...state, currentStep: null, steps: [...state.steps.slice(0, -1), closed] };
}
