import { rolloutsUnfinished } from "../../registry/rollout.ts";
import type { ServiceContext } from "../app/context.ts";
import { doAlone } from "../jobs.ts";
import { createWaker, type Waker } from "../waker.ts";

/** Drives the rollouts that have not ended, one service at a time. */
export function createRolloutDriver(service: ServiceContext): Waker {
  return createWaker(service, "rollouts", async () => {
    if ((await service.registry.read(rolloutsUnfinished)).length === 0) return;
    await doAlone(service, "rollouts", async () => undefined);
  });
}
