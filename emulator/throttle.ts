import { AwsError } from "./awsError.ts";
import { pause } from "./faults.ts";
import type { Profile } from "./profile.ts";

/** Lets at most `throttle.perSecond` calls of an account through; the rest wait, as the AWS SDK's retries would. */
export interface Throttle {
  pass(account: string, profile: Profile, aborted: AbortSignal): Promise<void>;
}

export function createThrottle(nowMs: () => number = Date.now): Throttle {
  const nextFreeAtMs = new Map<string, number>();
  return {
    async pass(account, profile, aborted) {
      if (profile.throttle === null) return;
      const now = nowMs();
      const startsAtMs = Math.max(nextFreeAtMs.get(account) ?? 0, now);
      if (startsAtMs - now > profile.throttle.maxWaitMs) {
        throw new AwsError("ThrottlingException", "Rate exceeded", 400);
      }
      nextFreeAtMs.set(account, startsAtMs + 1000 / profile.throttle.perSecond);
      await pause(startsAtMs - now, aborted);
    },
  };
}
