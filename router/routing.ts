import type { Logger } from "pino";
import { acceptSnapshot, type RoutingTable } from "./snapshot.ts";
import type { SnapshotSource } from "./source.ts";

/** The newest good routing; looked at again and again, and kept when what is found is bad or nothing is found. */
export interface Routing {
  current(): RoutingTable | undefined;
  stop(): Promise<void>;
}

export interface RoutingOptions {
  readonly source: SnapshotSource;
  readonly planeName: string | undefined;
  readonly reloadMs: number;
  readonly log: Logger;
}

/** Resolves after the first look, whatever it found. */
export async function startRouting(options: RoutingOptions): Promise<Routing> {
  const { source, planeName, reloadMs, log } = options;
  let table: RoutingTable | undefined;
  let complaint = "";
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const look = async () => {
    try {
      const text = await source.read();
      if (text === undefined) return;
      table = acceptSnapshot(text, table, planeName);
      complaint = "";
      log.info({ version: table.version, hosts: table.hosts.size, source: source.name }, "routing loaded");
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      // Each look would say the same; the log keeps what is new.
      if (message !== complaint) {
        log.error(
          { source: source.name, servedVersion: table?.version ?? null, message },
          "routing not loaded",
        );
      }
      complaint = message;
    }
  };
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
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}
