import { limits } from "../config/limits.ts";
import type { EngineEvent } from "../engine/engine.ts";

export interface ProgressEntry {
  readonly message: string;
  readonly data: Record<string, unknown>;
}

export interface Progress {
  onEvent(event: EngineEvent): void;
  /** Writes what is left; call it before the step ends. */
  flush(): Promise<void>;
}

/**
 * Turns the engine's many events into few journal entries: one for what happened within `progressFlushMs`, naming at most
 * `progressPerFlush` resources and counting the rest. An entry that cannot be written is dropped: progress is told,
 * not promised.
 */
export function createProgress(write: (entry: ProgressEntry) => Promise<void>): Progress {
  let done: Record<string, unknown>[] = [];
  let notices: string[] = [];
  let left = 0;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const take = (): ProgressEntry | undefined => {
    if (done.length === 0 && notices.length === 0) return undefined;
    const entry = { message: sentence(done, notices, left), data: { resources: done, notices, more: left } };
    done = [];
    notices = [];
    left = 0;
    return entry;
  };
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const entry = take();
    if (entry !== undefined) writing = writing.then(() => write(entry)).catch(() => undefined);
    return writing;
  };
  const onEvent = (event: EngineEvent) => {
    const full = done.length + notices.length >= limits.progressPerFlush;
    if (event.type === "resource" && event.status !== "started" && event.op !== "same") {
      const { op, resourceType, logicalName, status } = event;
      if (full) left += 1;
      else done.push({ op, resourceType, logicalName, status });
    } else if (event.type === "diagnostic" && event.severity !== "info") {
      if (full) left += 1;
      else notices.push(event.message.slice(0, 500));
    } else return;
    timer ??= setTimeout(() => void flush(), limits.progressFlushMs);
  };
  return { onEvent, flush };
}

function sentence(
  done: readonly Record<string, unknown>[],
  notices: readonly string[],
  left: number,
): string {
  const counts = new Map<string, number>();
  for (const { op, status } of done) {
    const words = status === "failed" ? `could not ${op}` : pastOf(String(op));
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  const parts = [...counts].map(([words, count]) => `${words} ${count}`);
  if (left > 0) parts.push(`${left} more`);
  const last = notices.at(-1);
  return [parts.join(", "), last].filter((part) => part !== undefined && part !== "").join("; ");
}

/** Pulumi's operation names, such as create and replace, end in e; the rest are names a person understands as they are. */
function pastOf(op: string): string {
  return op.endsWith("e") ? `${op}d` : op;
}
