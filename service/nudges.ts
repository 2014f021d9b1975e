/**
 * Wakes those who wait for something to have changed. A nudge carries no data: whoever is woken reads what is true now, so
 * a nudge too many is harmless. Topics: `operations`, `rollouts`, `scans`, `health`, and `operation:<id>` for its journal.
 */
export interface Nudges {
  nudge(topic: string): void;
  /** Returns how to stop listening. */
  on(topic: string, wake: () => void): () => void;
}

export function createNudges(): Nudges {
  const listeners = new Map<string, Set<() => void>>();
  return {
    nudge(topic) {
      for (const wake of listeners.get(topic) ?? []) wake();
    },
    on(topic, wake) {
      const set = listeners.get(topic) ?? new Set();
      listeners.set(topic, set.add(wake));
      return () => {
        set.delete(wake);
        if (set.size === 0 && listeners.get(topic) === set) listeners.delete(topic);
      };
    },
  };
}
