import { limits } from "../config/limits.ts";
import type { Nudges } from "../nudges.ts";
import type { Dispatch } from "./dispatch.ts";

/** For the one process of a SQLite registry: a nudge wakes the runner, and a timer in case a nudge was lost. */
export function createInProcessDispatch(nudges: Nudges): Dispatch {
  const stops: (() => void)[] = [];
  return {
    async start(worker) {
      if (worker === undefined) return;
      const wake = () => worker.wake(worker.free());
      const timer = setInterval(wake, limits.wakeEveryMs);
      stops.push(nudges.on("operations", wake), () => clearInterval(timer));
      wake();
    },
    async stop() {
      for (const stop of stops.splice(0)) stop();
    },
  };
}
