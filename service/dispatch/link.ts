import type { ServiceContext } from "../app/context.ts";
import type { Dispatch } from "./dispatch.ts";
import { createInProcessDispatch } from "./inProcess.ts";
import { createPgBossDispatch } from "./pgBoss.ts";
import { carryNudges } from "./remoteNudges.ts";

/** What ties this process to the others on its registry; on SQLite there are none. */
export interface Links {
  readonly dispatch: Dispatch;
  stop(): Promise<void>;
}

export async function linkProcesses(context: ServiceContext): Promise<Links> {
  const { registry, nudges, log, process } = context;
  const { databaseUrl: url } = context.settings;
  if (url === undefined) return { dispatch: createInProcessDispatch(nudges), stop: async () => undefined };
  const remote = await carryNudges({ url, processId: process.processId, log }, nudges);
  return { dispatch: createPgBossDispatch({ url, registry, nudges, log }), stop: remote.stop };
}
