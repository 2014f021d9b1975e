import type { Request, Response } from "express";
import type { EventFeed, FeedEvent } from "../app/eventFeed.ts";
import { limits } from "../config/limits.ts";

/**
 * Server-Sent Events from a source that can be read again from any point. Nothing is queued per client: a slow client is
 * simply read for more slowly. Comments as heartbeats keep proxies from closing the connection.
 */
export async function sendEventStream(
  request: Request,
  response: Response,
  source: EventFeed,
  options: { readonly heartbeatMs?: number; readonly lifetimeMs?: number } = {},
): Promise<void> {
  response.status(200).set({
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
  });
  response.flushHeaders();
  const closed = new AbortController();
  response.on("close", () => closed.abort());
  const lifetime = setTimeout(() => closed.abort(), options.lifetimeMs ?? limits.streamLifetimeMs);
  const beat = setInterval(
    () => response.write(": still here\n\n"),
    options.heartbeatMs ?? limits.streamHeartbeatMs,
  );
  const nudge = createNudge(closed.signal);
  const unsubscribe = source.subscribe(nudge.wake);
  try {
    await pump(response, source, lastEventId(request), nudge, closed.signal);
  } finally {
    unsubscribe();
    clearTimeout(lifetime);
    clearInterval(beat);
    response.end();
  }
}

async function pump(
  response: Response,
  source: EventFeed,
  from: number,
  nudge: Nudge,
  closed: AbortSignal,
): Promise<void> {
  let after = from;
  while (!closed.aborted) {
    const { events, ended } = await source.read(after);
    for (const event of events) {
      after = event.sequence;
      if (!response.write(frame(event))) await drained(response, closed);
    }
    if (ended) {
      response.write("event: end\ndata: {}\n\n");
      return;
    }
    // What comes while the events are written has nudged already.
    if (events.length < limits.journalReadEntries) await nudge.next();
  }
}

function frame({ sequence, event, data }: FeedEvent): string {
  return `id: ${sequence}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** An id that is no number starts from the beginning: events twice are better than events missed. */
function lastEventId(request: Request): number {
  const value = Number(request.get("last-event-id") ?? "0");
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function drained(response: Response, closed: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (closed.aborted) return resolve();
    const done = () => {
      response.off("drain", done);
      closed.removeEventListener("abort", done);
      resolve();
    };
    response.on("drain", done);
    closed.addEventListener("abort", done);
  });
}

interface Nudge {
  wake(): void;
  next(): Promise<void>;
}

/** Remembers a wake that comes while nobody waits, so that no event is missed between a read and the wait. */
function createNudge(closed: AbortSignal): Nudge {
  let pending = false;
  let waiting: (() => void) | undefined;
  const wake = () => {
    pending = true;
    waiting?.();
  };
  closed.addEventListener("abort", wake);
  return {
    wake,
    next: () =>
      new Promise((resolve) => {
        const finish = () => {
          pending = false;
          waiting = undefined;
          resolve();
        };
        if (pending || closed.aborted) finish();
        else waiting = finish;
      }),
  };
}
