import type { ServiceContext } from "./app/context.ts";
import { limits } from "./config/limits.ts";
import { measuredPass } from "./measuredPass.ts";

export interface Waker {
  wake(): void;
  /** Ends the pass that runs, starts no other. */
  stop(): Promise<void>;
}

/**
 * Runs a pass over the registry whenever something may have changed: at a nudge, and now and then in case a nudge was lost.
 * One pass at a time; a wake during a pass leads to another. A pass that throws is logged and tried again later.
 */
export function createWaker(service: ServiceContext, topic: string, pass: () => Promise<void>): Waker {
  let stopped = false;
  let again = false;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (again && !stopped) {
      again = false;
      const failed = (thrown: unknown) => service.log.error({ err: thrown }, "a pass failed");
      await measuredPass(service, topic, pass, failed);
    }
    running = undefined;
  }

  function wake(): void {
    again = true;
    if (!stopped) running ??= run();
  }

  const stopListening = service.nudges.on(topic, wake);
  const timer = setInterval(wake, limits.wakeEveryMs);
  return {
    wake,
    async stop() {
      stopped = true;
      clearInterval(timer);
      stopListening();
      await running;
    },
  };
}
