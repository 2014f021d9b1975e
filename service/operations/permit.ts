import type { Permit } from "../cloud/permit.ts";
import { monotonicMs } from "../engine/monotonic.ts";
import type { KeptLease } from "./lease.ts";
import { StepError } from "./saga.ts";
import type { OperationStop, StopReason } from "./stop.ts";

/**
 * What a step goes by while it works on data: it ends with the step's signal, and with the lease, also in a process that was
 * frozen past it and whose timers have not said so yet. That is as long before somebody else may begin as it takes what
 * was sent already to be over. What a cancellation finds on its way is waited for: undoing begins at once, and must not meet
 * a request that is answered to nobody.
 */
export function permitOf(
  stop: OperationStop,
  signal: AbortSignal,
  lease: Pick<KeptLease, "deadline">,
): Permit {
  return {
    signal: stop.undoing,
    check() {
      if (!signal.aborted && monotonicMs() > lease.deadline()) stop.abort("lease_lost");
      if (!signal.aborted) return;
      const why = WHY[signal.reason as StopReason];
      throw new StepError("cancelled", `The step was stopped before it had come to its end: ${why}.`);
    },
  };
}

const WHY: Readonly<Record<StopReason, string>> = {
  cancel: "the operation was cancelled",
  deadline: "the operation's deadline has passed",
  shutdown: "the service stops",
  lease_lost: "the operation's lease was lost",
};
