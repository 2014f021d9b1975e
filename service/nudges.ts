import { outsideScope } from "./tracing/scope.ts";

/**
 * Wakes those who wait for something to have changed. A nudge carries no data: whoever is woken reads what is true now, so
 * a nudge too many is harmless. Topics: `operations`, `jobs`, `cancels`, `rollouts`, `scans`, `drift`, `health`, `reconcile`, `limits`, `routing`, and `operation:<id>`
 * for its journal. Where several processes share a registry they reach the others too (dispatch/remoteNudges.ts).
 */
export interface Nudges {
  nudge(topic: string): void;
  /** Returns how to stop listening. */
  on(topic: string, wake: () => void): () => void;
  /** Hands on what is nudged here; returns how to stop that. */
  forward(send: (topic: string) => void): () => void;
  /** A nudge from another process. */
  receive(topic: string): void;
  /** Nudges of any topic may have been lost. */
  receiveAll(): void;
}

export function createNudges(): Nudges {
  const listeners = new Map<string, Set<() => void>>();
  const senders = new Set<(topic: string) => void>();
  const receive = (topic: string) => {
    // Who is woken works for everybody, not for the request that happened to wake it.
    outsideScope(() => {
      for (const wake of listeners.get(topic) ?? []) wake();
    });
  };
  return {
    receive,
    nudge(topic) {
      receive(topic);
      for (const send of senders) send(topic);
    },
    on(topic, wake) {
      const set = listeners.get(topic) ?? new Set();
      listeners.set(topic, set.add(wake));
      return () => {
        set.delete(wake);
        if (set.size === 0 && listeners.get(topic) === set) listeners.delete(topic);
      };
    },
    forward(send) {
      senders.add(send);
      return () => senders.delete(send);
    },
    receiveAll() {
      for (const topic of [...listeners.keys()]) receive(topic);
    },
  };
}

/** Of this process alone: whoever holds a request open answers it now. */
export const STOPPING = "stopping";
