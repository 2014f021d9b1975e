/**
 * Creations and updates of which nobody knows whether they happened: the provider went away between the call and its answer.
 * Pulumi counts them as failed and forgets them, so the next run would make a second object, or take an old record
 * for the truth. Here they are shown as what a killed CLI leaves, pending operations, and so get the same recovery.
 * So are creations that the cloud refused because an object of that name is there: it may be the work of a run whose
 * notes were lost. Only its tags can tell, so those of objects without tags stay refused.
 *
 * They are notes beside the state, since `stack import` drops pending operations from one, and they are kept where whoever
 * goes on reads them, on whatever host (InterruptedNotes). The worker outlives its service, so it writes them into the run's
 * folder as the run ends; they are handed in from there before the run's end is told, or by whoever settles the run of a
 * service that died. What is left: a service and its provider die within seconds of each other, and nobody takes the
 * operation up on that host; then it is the cloud's refusal of a second object that tells of the first.
 */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { tagOf } from "./adoption.ts";
import { type Deployment, Resource } from "./deployment.ts";
import type { StackTarget } from "./engine.ts";
import { isTaken, isUnanswered } from "./errors.ts";
import type { RunLog } from "./events.ts";
import { TENANT_TAG } from "./identity.ts";
import type { StateStore } from "./stateStore.ts";

const Interrupted = z.object({ type: z.enum(["creating", "updating", "refused"]), resource: Resource });
export type Interrupted = z.infer<typeof Interrupted>;

/** Where they are kept until the stack has been recovered. */
export interface InterruptedNotes {
  read(target: StackTarget): Promise<readonly Interrupted[]>;
  /** Of a resource that is noted already the earlier call stays. */
  add(target: StackTarget, interrupted: readonly Interrupted[]): Promise<void>;
  forget(target: StackTarget): Promise<void>;
}

/** What was kept as JSON. */
export function parseInterrupted(value: unknown): Interrupted[] {
  return z.array(Interrupted).parse(value);
}

/** For an engine that is alone with its stacks for as long as it lives. */
export function createMemoryNotes(): InterruptedNotes {
  const noted = new Map<string, readonly Interrupted[]>();
  const keyOf = ({ projectName, stackName }: StackTarget) => `${projectName}/${stackName}`;
  const read = async (target: StackTarget) => noted.get(keyOf(target)) ?? [];
  return {
    read,
    async add(target, interrupted) {
      const earlier = await read(target);
      const known = new Set(earlier.map(({ resource }) => resource.urn));
      const others = interrupted.filter(({ resource }) => !known.has(resource.urn));
      noted.set(keyOf(target), [...earlier, ...others]);
    },
    forget: async (target) => void noted.delete(keyOf(target)),
  };
}

const KINDS: Readonly<Record<string, Interrupted["type"]>> = {
  create: "creating",
  "create-replacement": "creating",
  update: "updating",
};
const MASKED = "[secret]";

/** Of a run's failed steps, those whose call was never answered, and creations of what is there already and can say whose it is. */
export function interruptedOf(log: Pick<RunLog, "failed" | "diagnostics">): Interrupted[] {
  return log.failed.flatMap(({ urn, op, type, new: wanted, provider }) => {
    const kind = KINDS[op];
    const said = log.diagnostics.filter((diagnostic) => diagnostic.urn === urn);
    if (kind === undefined || wanted === undefined) return [];
    const isTagged = tagOf(wanted.inputs?.tags, TENANT_TAG) !== undefined;
    const isRefused = op === "create" && isTagged && said.some(({ message }) => isTaken(message));
    if (!isRefused && !said.some(({ message }) => isUnanswered(message))) return [];
    const inputs = Object.fromEntries(
      Object.entries(wanted.inputs ?? {}).filter(([, value]) => !JSON.stringify(value).includes(MASKED)),
    );
    const id = kind === "updating" && wanted.id ? { id: wanted.id } : {};
    const parent = wanted.parent ? { parent: wanted.parent } : {};
    const resource = { urn, type, custom: true, ...id, ...parent, inputs, outputs: {}, provider };
    return [{ type: isRefused ? "refused" : kind, resource }];
  });
}

const NOTES_FILE = "interrupted.json";

/** At once and as a whole: the worker may be killed at any instant. */
export async function leaveNotes(runDir: string, interrupted: readonly Interrupted[]): Promise<void> {
  if (interrupted.length === 0) return;
  const file = join(runDir, NOTES_FILE);
  await writeFile(`${file}.new`, JSON.stringify(interrupted), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Gives what a run's worker has left to those who keep it; what they do not take stays for the next try. */
export async function handInNotes(
  runDir: string,
  target: StackTarget,
  notes: InterruptedNotes,
): Promise<void> {
  const file = join(runDir, NOTES_FILE);
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return;
  await notes.add(target, parseInterrupted(JSON.parse(text)));
  await rm(file, { force: true });
}

/** The store with what was noted among the pending operations of what it reads. */
export function withNotes(store: StateStore, notes: InterruptedNotes): StateStore {
  return {
    ...store,
    async read(target) {
      const deployment = await store.read(target);
      return deployment && withInterrupted(deployment, await notes.read(target));
    },
  };
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
