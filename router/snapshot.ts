import { createHash, timingSafeEqual } from "node:crypto";
import {
  type RoutingEntry,
  type RoutingSnapshot,
  routingSnapshotSchema,
  routingText,
} from "../contract/routing.ts";

/** What a router looks requests up in. */
export interface RoutingTable {
  readonly planeName: string;
  readonly version: number;
  readonly checksum: string;
  readonly changedAt: string;
  readonly hosts: ReadonlyMap<string, RoutingEntry>;
  readonly services: ReadonlySet<string>;
}

export class SnapshotRefused extends Error {
  override readonly name = "SnapshotRefused";
}

/**
 * Takes a snapshot's text, or throws SnapshotRefused: the router then keeps what it has. Refused are what is no snapshot, what
 * its checksum does not fit, what is another plane's, and what is older than what is served.
 */
export function acceptSnapshot(
  text: string,
  current: RoutingTable | undefined,
  planeName: string | undefined,
): RoutingTable {
  const snapshot = parsed(text);
  const { checksum, ...body } = snapshot;
  const expected = createHash("sha256").update(routingText(body)).digest();
  if (!timingSafeEqual(expected, Buffer.from(checksum, "hex"))) {
    throw new SnapshotRefused(
      `the checksum must be ${expected.toString("hex")}, which is its text's, got ${checksum}`,
    );
  }
  if (planeName !== undefined && snapshot.planeName !== planeName) {
    throw new SnapshotRefused(`the plane must be ${planeName}, got ${snapshot.planeName}`);
  }
  if (current !== undefined && snapshot.version < current.version) {
    throw new SnapshotRefused(`the version must be ${current.version} or newer, got ${snapshot.version}`);
  }
  return tableOf(snapshot);
}

function parsed(text: string): RoutingSnapshot {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SnapshotRefused("it must be JSON");
  }
  const result = routingSnapshotSchema.safeParse(value);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw new SnapshotRefused(`it must be a routing snapshot: ${first?.path.join(".")} ${first?.message}`);
}

function tableOf(snapshot: RoutingSnapshot): RoutingTable {
  const { planeName, version, checksum, changedAt, entries, services } = snapshot;
  return {
    ...{ planeName, version, checksum, changedAt },
    hosts: new Map(entries.map((entry) => [entry.host, entry])),
    services: new Set(services),
  };
}
