/** One event of a feed; `sequence` grows by one and is what a client sends back as Last-Event-ID. */
export interface FeedEvent {
  readonly sequence: number;
  readonly event: string;
  readonly data: unknown;
}

/** Events that can be read again from any point. */
export interface EventFeed {
  /** Events after the sequence, oldest first, at most `limits.journalReadEntries`; `ended` when none will come after them. */
  read(after: number): Promise<{ readonly events: readonly FeedEvent[]; readonly ended: boolean }>;
  /** Calls back when there may be more; returns how to stop that. */
  subscribe(wake: () => void): () => void;
}
