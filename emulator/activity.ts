/** Knows when the cloud was last asked something, so that one nobody needs can end by itself. */
export interface Activity {
  note(): void;
  /** For how long no provider call was made; 0 while one is in flight. Looking at the account is no such call. */
  quietMs(): number;
  /** The same gRPC methods, noting each call from its beginning to its end. */
  counted<T extends object>(methods: T): T;
  /** Calls `then` once nothing has been asked for so long; 0 never does. */
  whenIdle(idleMs: number, then: () => void): { cancel(): void };
}

type Methods = Readonly<Record<string, (...parameters: never[]) => unknown>>;

const IDLE_POLL_MS = 1_000;

export function createActivity(): Activity {
  let lastAtMs = Date.now();
  let lastCallAtMs = lastAtMs;
  let inFlight = 0;
  const note = () => {
    lastAtMs = Date.now();
  };

  const noteCall = () => {
    note();
    lastCallAtMs = lastAtMs;
  };

  /** Only unary methods have a callback; a stream counts as the moment it began. */
  function counting(method: Methods[string]) {
    return (call: never, callback?: (...values: unknown[]) => void) => {
      noteCall();
      if (callback === undefined) return method(call);
      inFlight += 1;
      const done = (...values: unknown[]) => {
        inFlight -= 1;
        noteCall();
        callback(...values);
      };
      return method(call, done as never);
    };
  }

  return {
    note,
    quietMs: () => (inFlight > 0 ? 0 : Date.now() - lastCallAtMs),
    counted<T extends object>(methods: T): T {
      const entries = Object.entries(methods as Methods).map(([name, method]) => [name, counting(method)]);
      return Object.fromEntries(entries) as T;
    },
    whenIdle(idleMs, then) {
      if (idleMs <= 0) return { cancel: () => {} };
      const look = () => {
        if (inFlight === 0 && Date.now() - lastAtMs >= idleMs) then();
      };
      const timer = setInterval(look, Math.min(idleMs, IDLE_POLL_MS));
      return { cancel: () => clearInterval(timer) };
    },
  };
}
