import { ROUTING_LIMITS } from "../../contract/routing.ts";
import { routingVersion } from "../../registry/routingHead.ts";
import type { ServiceContext } from "../app/context.ts";
import { ROUTING_TOPIC } from "./publish.ts";

/** A nudge from another process may be lost; then this finds the version. */
const LOOK_EVERY_MS = 1_000;

const waiting = new WeakMap<ServiceContext["nudges"], number>();

export interface Wait {
  readonly planeName: string;
  readonly version: number;
  readonly waitMs: number;
  /** Nobody waits any more. */
  readonly gone: AbortSignal;
  isStopping(): boolean;
}

/**
 * Resolves once the plane's routing is past the version, or the time is over, or nobody waits any more, or the service
 * stops. Past the bound of those that wait at once it resolves at once: whoever asks then polls a little more often.
 */
export async function waitPast(
  { nudges, registry }: ServiceContext,
  { planeName, version, waitMs, gone, isStopping }: Wait,
): Promise<void> {
  const others = waiting.get(nudges) ?? 0;
  if (others >= ROUTING_LIMITS.waiting) return;
  waiting.set(nudges, others + 1);
  const deadline = Date.now() + waitMs;
  try {
    while (!gone.aborted && !isStopping()) {
      const left = deadline - Date.now();
      if (left <= 0) return;
      // Listening begins before the look, so that no version falls between the two.
      const woken = nudgeOr(nudges, Math.min(left, LOOK_EVERY_MS), gone);
      const now = await registry.read((db) => routingVersion(db, planeName));
      if (now !== version) return woken.stop();
      await woken.done;
    }
  } finally {
    waiting.set(nudges, (waiting.get(nudges) ?? 1) - 1);
  }
}

function nudgeOr(nudges: ServiceContext["nudges"], ms: number, gone: AbortSignal) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const off = nudges.on(ROUTING_TOPIC, resolve);
  const end = () => resolve();
  gone.addEventListener("abort", end);
  const done = promise.then(() => {
    clearTimeout(timer);
    off();
    gone.removeEventListener("abort", end);
  });
  return { done, stop: end };
}
