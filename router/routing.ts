import type { Logger } from "pino";
import type { SnapshotCache } from "./cache.ts";
import type { RouterMetrics } from "./metrics.ts";
import { type Acceptance, acceptSnapshot, type RoutingTable, SnapshotRefused } from "./snapshot.ts";
import type { SnapshotSource } from "./source.ts";

/** The newest good routing; looked for again and again, and kept when what is found is bad or nothing is found. */
export interface Routing {
  current(): RoutingTable | undefined;
  /** What the last look at the source came to. */
  source(): SourceState;
  stop(): Promise<void>;
}

/** `none`: nothing has ever been published. */
export type SourceState = "good" | "none" | "refused" | "unreachable";

export interface RoutingOptions extends Acceptance {
  readonly source: SnapshotSource;
  readonly cache?: SnapshotCache | undefined;
  readonly reloadMs: number;
  readonly log: Logger;
  readonly metrics?: RouterMetrics | undefined;
}

/** Resolves after the first look, whatever it found. What lies in the cache is in force before it. */
export async function startRouting(options: RoutingOptions): Promise<Routing> {
  const { source, cache, reloadMs, log, metrics } = options;
  let table: RoutingTable | undefined;
  let state: SourceState = "unreachable";
  /** Of what lies there, for as long as it stays the same. */
  let verdict: SourceState = "good";
  let complaint = "";
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const serve = (accepted: RoutingTable, from: string) => {
    table = accepted;
    metrics?.serve(accepted);
    log.info({ version: table.version, hosts: table.hosts.size, source: from }, "routing loaded");
  };
  const complain = (thrown: unknown, from: string) => {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    // Each look would say the same; the log keeps what is new.
    if (message === complaint) return;
    complaint = message;
    const served = table?.version ?? null;
    log.error({ source: from, servedVersion: served, message }, "routing not loaded");
  };
  const look = async () => {
    try {
      const found = await source.read();
      if (found.kind === "none") verdict = gone();
      if (found.kind !== "text") {
        state = verdict;
        return;
      }
      const accepted = acceptSnapshot(found.text, table, options);
      verdict = "good";
      state = verdict;
      complaint = "";
      const fresh = accepted.version !== table?.version;
      serve(accepted, source.name);
      if (fresh) await keep(found.text);
    } catch (thrown) {
      state = "unreachable";
      if (thrown instanceof SnapshotRefused) {
        verdict = "refused";
        state = verdict;
        metrics?.refused.inc({ reason: thrown.refusal });
      }
      complain(thrown, source.name);
    } finally {
      metrics?.look(state);
    }
  };
  /** What is served was published once: that nothing lies there any more is told, and not taken for a plane that is new. */
  const gone = (): SourceState => {
    if (table === undefined) return "none";
    complain(new Error("the snapshot that was there is gone"), source.name);
    return "unreachable";
  };
  const keep = async (text: string) => {
    await cache
      ?.write(text)
      .catch((thrown: unknown) => log.warn({ err: thrown }, "routing not kept on disk"));
  };
  const remember = async () => {
    try {
      const text = await cache?.read();
      if (text !== undefined) serve(acceptSnapshot(text, undefined, options), "cache");
    } catch (thrown) {
      complain(thrown, "cache");
    }
  };
  await remember();
  let looking = look();
  await looking;
  const again = () => {
    if (stopped) return;
    timer = setTimeout(() => {
      looking = look().then(again);
    }, reloadMs);
  };
  again();
  return {
    current: () => table,
    source: () => state,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}
