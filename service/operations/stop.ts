/** Why an operation stops. The first two end it (and undo it); after the others this process writes nothing more of it. */
export type StopReason = "cancel" | "deadline" | "shutdown" | "lease_lost";

/**
 * How one running operation is told to stop. There are two signals because an operation that was cancelled goes on to be
 * undone, and that must still end when the process does.
 */
export interface OperationStop {
  abort(reason: StopReason): void;
  /** Aborted by any reason. */
  readonly doing: AbortSignal;
  /** Aborted when the process stops or the lease is lost. */
  readonly undoing: AbortSignal;
}

export function createOperationStop(): OperationStop {
  const doing = new AbortController();
  const undoing = new AbortController();
  return {
    abort(reason) {
      doing.abort(reason);
      if (isHandedOver(reason)) undoing.abort(reason);
    },
    doing: doing.signal,
    undoing: undoing.signal,
  };
}

/** Whether somebody else goes on with the operation. */
export function isHandedOver(reason: unknown): boolean {
  return reason === "shutdown" || reason === "lease_lost";
}
