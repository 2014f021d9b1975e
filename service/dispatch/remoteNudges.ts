import { openBus } from "../../registry/bus.ts";
import type { Logger } from "../log.ts";
import type { Nudges } from "../nudges.ts";

/**
 * Carries nudges to the other processes on the registry's PostgreSQL, so that whoever follows an operation here sees what a worker
 * elsewhere writes, and a cancellation reaches the worker. What is nudged within a moment goes out as one message.
 */
export interface RemoteNudges {
  stop(): Promise<void>;
}

const GATHER_MS = 20;
/** Lost messages are made up for by looking; this bounds what piles up while the database is away. */
const MAX_GATHERED = 5_000;

export async function carryNudges(
  parts: { readonly url: string; readonly processId: string; readonly log: Logger },
  nudges: Nudges,
): Promise<RemoteNudges> {
  const { log } = parts;
  const gathered = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const bus = await openBus(parts.url, parts.processId, {
    onTopic: (topic) => nudges.receive(topic),
    onGap: () => nudges.receiveAll(),
    onError: (error) => log.warn({ err: error }, "the link to the other processes is down"),
  });

  async function send(): Promise<void> {
    timer = undefined;
    const topics = [...gathered];
    gathered.clear();
    // Whom it does not reach looks by itself; the link says when it stands again.
    await bus.publish(topics).catch(() => undefined);
  }

  const stopForwarding = nudges.forward((topic) => {
    if (gathered.size < MAX_GATHERED) gathered.add(topic);
    timer ??= setTimeout(send, GATHER_MS);
  });
  return {
    async stop() {
      stopForwarding();
      clearTimeout(timer);
      if (gathered.size > 0) await send();
      await bus.close();
    },
  };
}
