import {
  stackHolder,
  stackLeaseRelease,
  stackLeaseRenew,
  stackLeaseTake,
} from "../../registry/stackLease.ts";
import type { ServiceContext } from "../app/context.ts";
import { monotonicMs } from "../engine/monotonic.ts";
import type { ServiceProcess } from "../process.ts";
import { type KeptLease, keepLease } from "./lease.ts";
import { createSilences } from "./leaseWatch.ts";

/**
 * At most one engine run per stack, in all processes on all hosts. An operation has its stack from its claim on; whoever else runs
 * the engine on a stack takes it here. Nobody queues: who finds it taken comes back later.
 */
export interface StackHold {
  /** Aborted with "lease_lost" when the stack may be somebody else's: stop the run. */
  readonly signal: AbortSignal;
  readonly lease: KeptLease;
  release(): Promise<void>;
}

class StackLost extends Error {}

/** What each process has seen of others' leases. */
const watched = new WeakMap<ServiceProcess, ReturnType<typeof createSilences>>();

function silencesOf({ process, settings }: ServiceContext): ReturnType<typeof createSilences> {
  const known = watched.get(process) ?? createSilences(settings.leaseMs + settings.killTimeMs, monotonicMs);
  watched.set(process, known);
  return known;
}

/** Undefined when the stack is taken. */
export async function holdStack(
  service: ServiceContext,
  targetId: string,
  holder: string,
): Promise<StackHold | undefined> {
  const { registry, log } = service;
  const { leaseMs, killTimeMs } = service.settings;
  const { processId, gone } = service.process;
  const dead = await gone();
  const silences = silencesOf(service);
  const isSilent = (lease: string) => silences(targetId, lease);
  const taken = await registry.record((record) =>
    stackLeaseTake(record, targetId, { holder, processId }, leaseMs, { dead, killTimeMs, isSilent }),
  );
  if (taken === undefined) return undefined;
  const lost = new AbortController();
  const lease = await keepLease({
    ...{ leaseMs, killTimeMs },
    async renew() {
      const ours = await registry.record((record) => stackLeaseRenew(record, targetId, taken.token, leaseMs));
      if (!ours) throw new StackLost(`Cannot go on with stack ${targetId}: its lease must be ours.`);
    },
    isLost: (thrown) => thrown instanceof StackLost,
    onLost: () => lost.abort("lease_lost"),
    onError: (thrown) => log.warn({ err: thrown, targetId }, "cannot renew the lease on a stack"),
  });
  return {
    signal: lost.signal,
    lease,
    async release() {
      lease.stop();
      await registry.record((record) => stackLeaseRelease(record, targetId, taken.token));
      service.nudges.nudge("operations");
    },
  };
}

/** Such as an operation's id; undefined when the stack is free. */
export function holderOfStack(service: ServiceContext, targetId: string): Promise<string | undefined> {
  return service.registry.read((db) => stackHolder(db, targetId));
}
