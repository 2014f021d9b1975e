import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { EventSourceParserStream } from "eventsource-parser/stream";
import type { Problem } from "../contract/errors.ts";
import type { JournalEntry } from "../contract/operation.ts";
import type { Ledger } from "./ledger.ts";

/**
 * A client as a careful one is written: every mutation carries an Idempotency-Key, what may pass (no connection, 429,
 * 5xx, the same request still running) is sent again with the same key and a growing pause, an event stream that breaks is taken up
 * after the last event seen. It gives up after `GIVE_UP_MS`.
 */
export interface Client {
  call<T>(method: string, path: string, body?: unknown, pause?: Pause): Promise<T>;
  /** Follows an operation's journal to its end. */
  follow(operationId: string, onEntry?: (entry: JournalEntry) => void): Promise<void>;
}

/** Between two tries. */
export interface Pause {
  readonly first: number;
  readonly most: number;
}

/** What the service refused for good. */
export class Refused extends Error {
  readonly status: number;
  readonly problem: Partial<Problem>;

  constructor(method: string, path: string, status: number, problem: Partial<Problem>) {
    super(`${method} ${path}: ${status} ${problem.code}: ${problem.detail}`);
    this.name = "Refused";
    this.status = status;
    this.problem = problem;
  }
}

const GIVE_UP_MS = 10 * 60_000;
const ANSWER_WAIT_MS = 60_000;
/** A frozen host neither answers nor refuses. */
const STREAM_WAIT_MS = 30_000;
const PAUSE_MS: Pause = { first: 50, most: 2_000 };
/** For who wants to be heard as soon as there is anybody to hear it. */
export const AT_ONCE_MS: Pause = { first: 15, most: 15 };

export interface ClientOptions {
  readonly ledger: Ledger;
  readonly key: string;
  /** Where the service can be asked; another one each time it could not. */
  readonly urls: readonly string[];
}

export function createClient({ ledger, key, urls }: ClientOptions): Client {
  let turn = 0;
  const url = (path: string) => new URL(`/v1/control-plane${path}`, urls[turn % urls.length]);
  const authorization = `Bearer ${key}`;

  async function again<T>(
    what: string,
    attempt: () => Promise<T | undefined>,
    pause: Pause = PAUSE_MS,
  ): Promise<T> {
    const deadline = Date.now() + GIVE_UP_MS;
    for (let pauseMs = pause.first; ; pauseMs = Math.min(pauseMs * 2, pause.most)) {
      const answer = await attempt().catch((error: unknown) => {
        if (error instanceof Refused) throw error;
        return undefined;
      });
      if (answer !== undefined) return answer;
      if (Date.now() > deadline) throw new Error(`Cannot ${what}: no answer within ${GIVE_UP_MS / 1_000} s`);
      turn += 1;
      await sleep(pauseMs);
    }
  }

  async function send(method: string, path: string, body: unknown, idempotencyKey: string) {
    const response = await fetch(url(path), {
      method,
      headers: {
        authorization,
        ...(method === "GET" ? {} : { "idempotency-key": idempotencyKey }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_WAIT_MS),
    });
    const text = await response.text();
    if (response.ok) return { value: text === "" ? undefined : JSON.parse(text) };
    const problem = JSON.parse(text) as Partial<Problem>;
    if (response.status === 500) ledger.violation(`${method} ${path} was answered 500: ${problem.detail}`);
    if (mayPass(response.status, problem)) return undefined;
    throw new Refused(method, path, response.status, problem);
  }

  return {
    async call<T>(method: string, path: string, body?: unknown, pause?: Pause) {
      const idempotencyKey = randomUUID();
      const { value } = await again(
        `${method} ${path}`,
        () => send(method, path, body, idempotencyKey),
        pause,
      );
      return value as T;
    },
    async follow(operationId, onEntry = () => {}) {
      let last = 0;
      const hear = (entry: JournalEntry) => {
        if (entry.sequence !== last + 1)
          ledger.violation(`events of ${operationId} jumped from ${last} to ${entry.sequence}`);
        last = entry.sequence;
        onEntry(entry);
      };
      await again(`follow ${operationId}`, () =>
        listen(url(`/operations/${operationId}/events`), authorization, last, hear),
      );
    },
  };
}

function mayPass(status: number, problem: Partial<Problem>): boolean {
  return status >= 500 || status === 429 || problem.code === "idempotency_in_progress";
}

/** True at the stream's proper end; undefined when it broke before. */
async function listen(
  url: URL,
  authorization: string,
  after: number,
  hear: (entry: JournalEntry) => void,
): Promise<true | undefined> {
  const gone = new AbortController();
  let quiet = setTimeout(() => gone.abort(), STREAM_WAIT_MS);
  try {
    const headers = { authorization, accept: "text/event-stream", "last-event-id": String(after) };
    const response = await fetch(url, { headers, signal: gone.signal });
    if (!response.ok || response.body === null) return undefined;
    const events = response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const event of events) {
      clearTimeout(quiet);
      quiet = setTimeout(() => gone.abort(), STREAM_WAIT_MS);
      if (event.event === "end") return true;
      hear(JSON.parse(event.data) as JournalEntry);
    }
    return undefined;
  } finally {
    clearTimeout(quiet);
    gone.abort();
  }
}
