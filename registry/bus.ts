import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";

/**
 * Short messages between the processes on one PostgreSQL, by LISTEN and NOTIFY. A message may be lost, when the connection breaks or
 * a process is not there: it only says that it is worth looking, and whoever listens also looks now and then by itself.
 */
export interface Bus {
  /** Resolves when the server has taken them; rejects while there is no connection. */
  publish(topics: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface BusListener {
  /** What another process has published. */
  onTopic(topic: string): void;
  /** Messages may have been lost: called when a connection stands again. */
  onGap(): void;
  onError(error: unknown): void;
}

const CHANNEL = "tenantry";
/** A payload takes 8,000 bytes; a topic has at most 64. */
const TOPICS_PER_MESSAGE = 80;
const RECONNECT_AFTER_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;
const LOOK_EVERY_MS = 10_000;
const ANSWER_LIMIT_MS = 5_000;

export async function openBus(url: string, self: string, listener: BusListener): Promise<Bus> {
  const closed = new AbortController();
  let client: pg.Client | undefined = await connect(url, self, listener);
  const running = keep();

  /** Holds a connection, and makes another when it breaks or answers no more. */
  async function keep(): Promise<void> {
    while (!closed.signal.aborted) {
      if (client === undefined) {
        client = await connect(url, self, listener).catch((error: unknown) => {
          listener.onError(error);
          return undefined;
        });
        if (client === undefined) await pause(RECONNECT_AFTER_MS);
        else listener.onGap();
        continue;
      }
      await untilBroken(client);
      await client.end().catch(() => undefined);
      client = undefined;
    }
  }

  async function untilBroken(one: pg.Client): Promise<void> {
    const broken = new AbortController();
    one.once("end", () => broken.abort());
    one.once("error", () => broken.abort());
    const either = AbortSignal.any([broken.signal, closed.signal]);
    while (!either.aborted) {
      await delay(LOOK_EVERY_MS, undefined, { signal: either, ref: false }).catch(() => undefined);
      if (either.aborted) return;
      await one.query("select 1").catch(() => broken.abort());
    }
  }

  async function pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: closed.signal, ref: false }).catch(() => undefined);
  }

  return {
    async publish(topics) {
      if (client === undefined)
        throw new Error("Cannot tell other processes: the database must be reachable.");
      for (let from = 0; from < topics.length; from += TOPICS_PER_MESSAGE) {
        const payload = JSON.stringify({ from: self, topics: topics.slice(from, from + TOPICS_PER_MESSAGE) });
        await client.query("select pg_notify($1, $2)", [CHANNEL, payload]);
      }
    },
    async close() {
      closed.abort();
      await running;
      await client?.end().catch(() => undefined);
    },
  };
}

async function connect(url: string, self: string, listener: BusListener): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "tenantry bus",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_LIMIT_MS,
    keepAlive: true,
  });
  // Unheard, the event would end the process.
  client.on("error", () => {});
  client.on("notification", ({ payload }) => receive(payload, self, listener));
  try {
    await client.connect();
    await client.query(`listen ${CHANNEL}`);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

function receive(payload: string | undefined, self: string, listener: BusListener): void {
  try {
    const { from, topics } = JSON.parse(payload ?? "") as { from: string; topics: string[] };
    if (from !== self) for (const topic of topics) listener.onTopic(topic);
  } catch (error) {
    // The channel is the whole database's: somebody else may use its name.
    listener.onError(error);
  }
}
