import type { ServiceContext } from "./app/context.ts";
import { measuredPass } from "./measuredPass.ts";

export interface Poll {
  stop(): Promise<void>;
}

/** Runs work again and again, the pause counted from its end, so that slow work never piles up. */
export function createPoll(
  service: Pick<ServiceContext, "log"> & Partial<Pick<ServiceContext, "metrics">>,
  name: string,
  everyMs: number,
  work: () => Promise<void>,
): Poll {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const again = () => {
    if (!stopped) timer = setTimeout(run, everyMs);
  };
  const run = () => {
    const failed = (thrown: unknown) => service.log.warn({ err: thrown }, "a poll failed");
    running = measuredPass(service, name, work, failed).then(again);
  };
  again();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
