import {
  interruptedCalls,
  interruptedCallsForget,
  interruptedCallsNote,
} from "../../registry/interruptedCall.ts";
import type { Registry } from "../../registry/registry.ts";
import type { StackTarget } from "../engine/engine.ts";
import { type InterruptedNotes, parseInterrupted } from "../engine/interrupted.ts";
import { patiently } from "./patience.ts";
import type { OperationStop } from "./stop.ts";

/** An operation that is run here, by which claim. */
export interface NotesOwner {
  readonly service: { readonly registry: Registry };
  readonly operation: { readonly operationId: string };
  readonly fencingToken: number;
  readonly targetId: string;
  readonly stop: OperationStop;
}

/**
 * What an operation's runs leave unanswered, kept in the registry: whichever process goes on with the stack, on whatever
 * host, by this operation or a later one, looks it up first. Written under the operation's fencing token. A registry that is
 * away is waited for, since no run may follow one whose notes are lost.
 */
export function interruptedNotesOf(owner: NotesOwner): InterruptedNotes {
  const { service, operation, fencingToken, targetId, stop } = owner;
  const { registry } = service;
  const by = { operationId: operation.operationId, fencingToken };
  const stackOf = ({ stackName }: StackTarget) => ({ targetId, stackName });
  return {
    read: (target) =>
      patiently(stop, async () =>
        parseInterrupted(await registry.read((db) => interruptedCalls(db, stackOf(target)))),
      ),
    add: (target, interrupted) =>
      patiently(stop, () =>
        registry.record((record) => interruptedCallsNote(record, stackOf(target), interrupted, by)),
      ),
    forget: (target) =>
      patiently(stop, () => registry.record((record) => interruptedCallsForget(record, stackOf(target), by))),
  };
}
