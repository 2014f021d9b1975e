import type { ServiceContext } from "./app/context.ts";

export interface Poll {
  stop(): Promise<void>;
}

/** Runs work again and again, the pause counted from its end, so that slow work never piles up. */
export function createPoll(
  service: Pick<ServiceContext, "log">,
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
    running = work()
      .catch((thrown: unknown) => service.log.warn({ err: thrown, poll: name }, "a poll failed"))
      .then(again);
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
