/**
 * How queued operations find a process that has room for them. The registry's row is the truth: an operation is run by whoever
 * has claimed it there, and by nobody else. Dispatch only says when it is worth asking the registry for one, so a
 * message that is lost or comes twice costs a few seconds or one question, never an operation.
 */
export interface Dispatch {
  /** Calls `wake` when there may be work. Without a worker it only tells others. */
  start(worker: DispatchWorker | undefined): Promise<void>;
  stop(): Promise<void>;
}

export interface DispatchWorker {
  /** How many more operations this process has room for. */
  free(): number;
  /** Claim at most so many. */
  wake(most: number): void;
}
