/**
 * At most one engine run per stack in this process: operations and drift scans take the stack before they run. Nobody queues here;
 * who finds a stack taken comes back when `onRelease` calls.
 */
export interface StackLocks {
  /** The function that gives the stack back, or undefined when it is taken. */
  take(targetId: string, holder: string): (() => void) | undefined;
  holderOf(targetId: string): string | undefined;
  onRelease(wake: () => void): void;
}

export function createStackLocks(): StackLocks {
  const holders = new Map<string, string>();
  const listeners: (() => void)[] = [];
  return {
    take(targetId, holder) {
      if (holders.has(targetId)) return undefined;
      holders.set(targetId, holder);
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        holders.delete(targetId);
        for (const wake of listeners) wake();
      };
    },
    holderOf: (targetId) => holders.get(targetId),
    onRelease: (wake) => void listeners.push(wake),
  };
}
