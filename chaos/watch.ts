import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Ledger } from "./ledger.ts";
import { look, type Running } from "./processes.ts";
import type { World } from "./world.ts";

/**
 * Looks at the machine's processes and the registry while everything happens: at most one run of the CLI on a stack at any moment,
 * across all services, alive and dead (invariant 1); never more operations at once than the bounds of plane and tenant
 * allow (invariant 5), counted by those that a live service has.
 */
const LOOK_EVERY_MS = 150;
/** These only read or mend a state and run no engine. */
const NO_ENGINE_RUN = /^(stack|cancel|version|whoami)$/;

export function watchOverlaps(world: World, ledger: Ledger): { stop(): void; readonly looks: number } {
  let looks = 0;
  const timer = setInterval(() => {
    looks += 1;
    const byStack = new Map<string, Running>();
    for (const cli of world.replicas.flatMap((replica) => replica.clis())) {
      const stack = stackOf(cli);
      if (stack === undefined) continue;
      const other = byStack.get(stack);
      // Looked at one after the other: the first may have ended before the second began.
      if (other !== undefined && look(other.pid) !== undefined && look(cli.pid) !== undefined)
        ledger.violation(`two engine runs at once on ${stack}: ${other.folder} and ${cli.folder}`);
      byStack.set(stack, cli);
    }
    void bounded(world, ledger).catch(() => undefined);
  }, LOOK_EVERY_MS);
  return {
    stop: () => clearInterval(timer),
    get looks() {
      return looks;
    },
  };
}

/**
 * All tenants are on one plane. What a live service has counts, also while it rests because the database was away: so does the
 * service itself. How many of its own it works on is for the process alone to see.
 */
async function bounded({ observer, replicas, bounds }: World, ledger: Ledger): Promise<void> {
  const live = new Set(replicas.flatMap(({ pid }) => pid ?? []));
  const held = (await observer.running()).filter(({ ownerPid }) => live.has(ownerPid ?? -1));
  const ofTenants = Map.groupBy(held, ({ tenantId }) => tenantId);
  const counts = {
    perPlane: held.length,
    perTenant: Math.max(0, ...[...ofTenants.values()].map((group) => group.length)),
  };
  for (const bound of ["perPlane", "perTenant"] as const)
    if (counts[bound] > bounds[bound])
      ledger.violation(`${counts[bound]} operations at once ${bound}, and at most ${bounds[bound]} may`);
}

function stackOf({ command, folder }: Running): string | undefined {
  if (NO_ENGINE_RUN.test(command[1] ?? "")) return undefined;
  const place = command.indexOf("--stack");
  const stack = place < 0 ? undefined : command[place + 1];
  if (stack === undefined) return undefined;
  try {
    const project = /"?name"?:\s*"?([\w-]+)/.exec(readFileSync(join(folder, "Pulumi.yaml"), "utf8"))?.[1];
    return `${project}/${stack}`;
  } catch {
    return undefined;
  }
}
