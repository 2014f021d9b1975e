/** The way of one call that reaches AWS: latency, throttle, fault, effect, fault, and waiting until it is steady. */
import type { Caller, Cloud } from "../context.ts";
import { createContext } from "../context.ts";
import type { Faults, Operation } from "../faults.ts";
import { pause } from "../faults.ts";
import type { StoredResource } from "../resourceType.ts";
import type { Throttle } from "../throttle.ts";
import type { Scope } from "./lifecycle.ts";
import { findPresent } from "./lifecycle.ts";

export interface Gates {
  readonly faults: Faults;
  readonly throttle: Throttle;
}

export interface CloudCall {
  readonly token: string;
  readonly operation: Operation;
  readonly caller: Caller;
  readonly aborted: AbortSignal;
}

/** Runs `effect` behind the gates. Without a profile or a fault it costs nothing but the effect. */
export async function behindGates<T>(
  cloud: Cloud,
  gates: Gates,
  call: CloudCall,
  effect: () => T,
): Promise<T> {
  const profile = cloud.profile();
  await gates.throttle.pass(call.caller.account, profile, call.aborted);
  const delayMs = profile.latencyMs + Math.random() * profile.jitterMs;
  if (delayMs > 0) await pause(delayMs, call.aborted);
  await gates.faults.meet(call.token, call.operation, "before", call.aborted);
  const result = effect();
  await gates.faults.meet(call.token, call.operation, "after", call.aborted);
  return result;
}

const DEFAULT_SETTLE_TIMEOUT_MS = 20 * 60_000;
/** Looks at least this often, because somebody may mark a service healthy meanwhile. */
const MAX_SETTLE_POLL_MS = 250;

export interface Settled {
  readonly resource: StoredResource;
  /** Why it never became steady; undefined when it did. */
  readonly failure: string | undefined;
}

/** Waits until the type calls the object steady, at most `timeoutSeconds` (0: the type's own limit). */
export async function untilSettled(
  scope: Scope,
  resource: StoredResource,
  timeoutSeconds: number,
  aborted: AbortSignal,
): Promise<Settled> {
  const { cloud, type, caller } = scope;
  if (type.settle === undefined) return { resource, failure: undefined };
  const limitMs =
    timeoutSeconds > 0 ? timeoutSeconds * 1000 : (type.settleTimeoutMs ?? DEFAULT_SETTLE_TIMEOUT_MS);
  const giveUpAtMs = cloud.nowMs() + limitMs;
  for (let current = resource; ; ) {
    const settlement = type.settle(current, createContext(cloud, caller));
    if (settlement === "settled") return { resource: current, failure: undefined };
    if ("failed" in settlement) return { resource: current, failure: settlement.failed };
    const leftMs = giveUpAtMs - cloud.nowMs();
    if (leftMs <= 0) {
      return {
        resource: current,
        failure: `timeout while waiting for state to become 'STABLE' (timeout: ${limitMs / 1000}s)`,
      };
    }
    await pause(Math.min(settlement.waitMs, MAX_SETTLE_POLL_MS, leftMs) + 1, aborted);
    current = findPresent(scope, current.id) ?? current;
  }
}
