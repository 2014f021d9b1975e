import { RegistryProblem } from "../../registry/registryProblem.ts";
import { limits } from "../config/limits.ts";
import { pause } from "./retry.ts";
import type { OperationStop } from "./stop.ts";

/**
 * A registry that is away, busy or full says nothing about the operation: its entry is written when the registry is back. While
 * the lease holds nobody else can have taken the operation; when the lease cannot be renewed in time the wait ends with it.
 * An entry of which nobody can tell whether it was written is not written again: the operation is handed over, and whoever
 * takes it up, this process included, reads in the journal how far it came.
 */
export async function patiently<T>(stop: OperationStop, write: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await write();
    } catch (thrown) {
      if (!(thrown instanceof RegistryProblem)) throw thrown;
      if (thrown.mayBeDone) stop.abort("lease_lost");
      else await pause(limits.registryAwayMs, stop.undoing);
      if (stop.undoing.aborted) throw thrown;
    }
  }
}
