import { setTimeout as sleep } from "node:timers/promises";
import { EventSourceParserStream } from "eventsource-parser/stream";
import type { JournalEntry, Operation, OperationDetail } from "../contract/operation.ts";

const OPERATION_WAIT_MS = 10 * 60_000;

/** What the demo looks at of a problem+json. */
interface Problem {
  readonly code: string;
  readonly detail: string;
  /** Of a denial by policies. */
  readonly reasons?: readonly {
    readonly policyId: string;
    readonly reason: string;
    readonly advice: string | null;
  }[];
}

/** A request that was answered with a problem. */
export class ApiRefusal extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(asked: string, status: number, text: string) {
    super(`Cannot ${asked}: ${status} ${text}`);
    this.status = status;
    this.problem = JSON.parse(text) as Problem;
  }
}

/** The documented HTTP API, called the way any client would. */
export class Api {
  readonly url: string;
  readonly key: string;

  constructor(url: string, key: string) {
    this.url = url;
    this.key = key;
  }

  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(new URL(`/v1/control-plane${path}`, this.url), {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new ApiRefusal(`${method} ${path}`, response.status, text);
    return JSON.parse(text) as T;
  }

  /** Follows an operation's events to the end, giving each to `onEntry`. */
  async follow(operation: Operation, onEntry: (entry: JournalEntry) => void): Promise<void> {
    const response = await fetch(
      new URL(`/v1/control-plane/operations/${operation.operationId}/events`, this.url),
      {
        headers: { authorization: `Bearer ${this.key}`, accept: "text/event-stream" },
        signal: AbortSignal.timeout(OPERATION_WAIT_MS),
      },
    );
    if (!response.ok || response.body === null)
      throw new Error(`Cannot follow an operation: ${response.status}`);
    const events = response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const event of events) {
      if (event.event === "end") return;
      onEntry(JSON.parse(event.data) as JournalEntry);
    }
  }

  /** Waits for operations and throws when one did not succeed, with its reason. */
  async finish(
    operations: readonly Operation[],
    onEntry: (entry: JournalEntry) => void = () => {},
  ): Promise<void> {
    await Promise.all(operations.map((operation) => this.follow(operation, onEntry)));
    for (const { operationId } of operations) {
      const ended = await this.call<OperationDetail>("GET", `/operations/${operationId}`);
      if (ended.status !== "succeeded") {
        throw new Error(
          `Cannot go on: ${ended.kind} ${operationId} ${ended.status}: ${ended.error?.message ?? "no reason"}`,
        );
      }
    }
  }

  /** Polls until `done`, at most ten minutes unless told otherwise. */
  async poll<T>(
    path: string,
    done: (value: T) => boolean,
    { intervalMs = 250, limitMs = OPERATION_WAIT_MS } = {},
  ): Promise<T> {
    const deadlineMs = Date.now() + limitMs;
    for (;;) {
      const value = await this.call<T>("GET", path);
      if (done(value)) return value;
      if (Date.now() > deadlineMs)
        throw new Error(`Cannot go on: ${path} did not end within ${limitMs / 60_000} minutes`);
      await sleep(intervalMs);
    }
  }
}
