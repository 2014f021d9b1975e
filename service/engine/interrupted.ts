/**
 * Creations and updates of which nobody knows whether they happened: the provider went away between the call and its answer.
 * Pulumi counts them as failed and forgets them, so the next run would make a second object, or take an old record
 * for the truth. Here they are shown as what a killed CLI leaves, pending operations, and so get the same recovery.
 *
 * The worker notes them in a file as its run ends, since `stack import` drops pending operations from a state. The note
 * is read with the state until the stack is recovered; a crash in between loses nothing. It stays on this host: one that
 * is lost in the seconds between a cloud's death and the next attempt leaves what was interrupted to the cloud's own refusal of
 * a second object.
 */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Deployment, DeploymentResource } from "./deployment.ts";
import type { StackTarget } from "./engine.ts";
import { isUnanswered } from "./errors.ts";
import type { RunLog } from "./events.ts";
import type { StateStore } from "./stateStore.ts";

export interface Interrupted {
  readonly type: "creating" | "updating";
  readonly resource: DeploymentResource;
}

const KINDS: Readonly<Record<string, Interrupted["type"]>> = {
  create: "creating",
  "create-replacement": "creating",
  update: "updating",
};
const MASKED = "[secret]";

/** Of a run's failed steps, those whose call was never answered. */
export function interruptedOf(log: Pick<RunLog, "failed" | "diagnostics">): Interrupted[] {
  return log.failed.flatMap(({ urn, op, type, new: wanted, provider }) => {
    const kind = KINDS[op];
    const said = log.diagnostics.filter((diagnostic) => diagnostic.urn === urn);
    if (kind === undefined || wanted === undefined) return [];
    if (!said.some(({ message }) => isUnanswered(message))) return [];
    const inputs = Object.fromEntries(
      Object.entries(wanted.inputs ?? {}).filter(([, value]) => !JSON.stringify(value).includes(MASKED)),
    );
    const id = kind === "updating" && wanted.id ? { id: wanted.id } : {};
    const parent = wanted.parent ? { parent: wanted.parent } : {};
    const resource = { urn, type, custom: true, ...id, ...parent, inputs, outputs: {}, provider };
    return [{ type: kind, resource }];
  });
}

/** Kept by stack, in the folder of all runs. */
function fileOf(runsDir: string, { projectName, stackName }: StackTarget): string {
  return join(runsDir, ".interrupted", `${projectName}.${stackName}.json`);
}

export async function noteInterrupted(
  runDir: string,
  target: StackTarget,
  interrupted: readonly Interrupted[],
): Promise<void> {
  if (interrupted.length === 0) return;
  const file = fileOf(dirname(runDir), target);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify([...(await read(file)), ...interrupted]), { mode: 0o600 });
  await rename(draft, file);
}

/** The store with what was noted among the pending operations of what it reads. */
export function withNotes(store: StateStore, runsDir: string): StateStore {
  return {
    ...store,
    async read(target) {
      const deployment = await store.read(target);
      return deployment && withInterrupted(deployment, await read(fileOf(runsDir, target)));
    },
  };
}

/** When the stack has been recovered. */
export async function forgetInterrupted(runsDir: string, target: StackTarget): Promise<void> {
  await rm(fileOf(runsDir, target), { force: true });
}

/** Each resource once. */
export function withInterrupted(deployment: Deployment, interrupted: readonly Interrupted[]): Deployment {
  if (interrupted.length === 0) return deployment;
  const state = deployment.deployment;
  const pending = [...(state.pending_operations ?? [])];
  for (const { type, resource } of interrupted)
    if (!pending.some((operation) => operation.resource.urn === resource.urn))
      pending.push({ type, resource });
  return { ...deployment, deployment: { ...state, pending_operations: pending } };
}

async function read(file: string): Promise<Interrupted[]> {
  const text = await readFile(file, "utf8").catch(() => "[]");
  return JSON.parse(text) as Interrupted[];
}
