import { setTimeout as sleep } from "node:timers/promises";
import { createParser } from "eventsource-parser";
import { delayMs } from "../../client/src/retry.ts";
import type { JournalEntry } from "../../contract/operation.ts";
import type { Client } from "../api/client.ts";
import { EXIT, Failure } from "../exit.ts";

/**
 * An operation's journal from its beginning to its end, each entry once and in order: when the stream breaks, because the
 * service was restarted or a proxy grew tired, it goes on after the last entry that arrived. Ends quietly when `until` passes.
 */
export async function* journalOf(
  client: Client,
  operationId: string,
  until: number,
): AsyncGenerator<JournalEntry> {
  let after = 0;
  for (let tries = 1; Date.now() < until; tries += 1) {
    const stop = AbortSignal.timeout(Math.max(1, Math.min(until - Date.now(), LONGEST_STREAM_MS)));
    try {
      for await (const event of events(client, operationId, after, stop)) {
        tries = 0;
        if (event === END) return;
        after = event.sequence;
        yield event;
      }
    } catch (error) {
      // Whatever is no refusal is a service that is away for the moment.
      if (error instanceof Failure && error.exitCode !== EXIT.unreachable) throw error;
    }
    await sleep(
      Math.min(delayMs(Math.max(1, tries), undefined, Math.random()), Math.max(0, until - Date.now())),
    );
  }
}

const END = Symbol("end");
const LONGEST_STREAM_MS = 2_147_483_647;

async function* events(
  client: Client,
  operationId: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<JournalEntry | typeof END> {
  const path = `/v1/control-plane/operations/${operationId}/events`;
  const headers: Record<string, string> = after === 0 ? {} : { "last-event-id": String(after) };
  const response = await client.open({ method: "get", path, headers }, signal);
  const arrived: (JournalEntry | typeof END)[] = [];
  const parser = createParser({
    onEvent: ({ event, data }) => arrived.push(event === "end" ? END : (JSON.parse(data) as JournalEntry)),
  });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* arrived.splice(0);
  }
}
