import { createHash, timingSafeEqual } from "node:crypto";
import {
  type Route,
  type RoutingSnapshot,
  routingSnapshotSchema,
  routingText,
} from "../contract/routingSnapshot.ts";
import { signatureProblem, type Trust } from "./trust.ts";

/** What a router looks requests up in. */
export interface RoutingTable {
  readonly planeName: string;
  readonly version: number;
  readonly checksum: string;
  readonly publishedAt: string;
  /** The older version whose content it is, after a rollback. */
  readonly restores: number | null;
  readonly hosts: ReadonlyMap<string, Route>;
  readonly services: ReadonlySet<string>;
  readonly sharedHost: string | null;
}

export type Refusal = "malformed" | "checksum" | "signature" | "plane" | "older";

export class SnapshotRefused extends Error {
  override readonly name = "SnapshotRefused";
  readonly refusal: Refusal;

  constructor(refusal: Refusal, message: string) {
    super(message);
    this.refusal = refusal;
  }
}

export interface Acceptance {
  readonly trust: Trust;
  /** Undefined: any plane's. */
  readonly planeName: string | undefined;
}

/**
 * Takes a snapshot's text, or throws SnapshotRefused: the router then keeps what it has. Refused are what is no snapshot, what
 * its checksum does not fit, what nobody trusted has signed, what is another plane's, and what is older than what is
 * served: a rollback comes as a newer version.
 */
export function acceptSnapshot(
  text: string,
  current: RoutingTable | undefined,
  { trust, planeName }: Acceptance,
): RoutingTable {
  const snapshot = parsed(text);
  const { checksum, keyId, signature, ...body } = snapshot;
  const signed = routingText(body);
  const expected = createHash("sha256").update(signed).digest();
  if (!timingSafeEqual(expected, Buffer.from(checksum, "hex"))) {
    const meant = expected.toString("hex");
    throw new SnapshotRefused(
      "checksum",
      `the checksum must be ${meant}, which is its text's, got ${checksum}`,
    );
  }
  const problem = signatureProblem(trust, signed, { keyId, signature });
  if (problem !== undefined) throw new SnapshotRefused("signature", problem);
  if (planeName !== undefined && snapshot.planeName !== planeName) {
    throw new SnapshotRefused("plane", `the plane must be ${planeName}, got ${snapshot.planeName}`);
  }
  refuseOlder(snapshot, current);
  return tableOf(snapshot);
}

function refuseOlder({ version, checksum }: RoutingSnapshot, current: RoutingTable | undefined): void {
  if (current === undefined || version > current.version) return;
  if (version < current.version) {
    throw new SnapshotRefused("older", `the version must be ${current.version} or newer, got ${version}`);
  }
  if (checksum !== current.checksum) {
    throw new SnapshotRefused("older", `version ${version} must be the one that is served, got another text`);
  }
}

function parsed(text: string): RoutingSnapshot {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SnapshotRefused("malformed", "it must be JSON");
  }
  const result = routingSnapshotSchema.safeParse(value);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  const where = first?.path.join(".") ?? "";
  throw new SnapshotRefused("malformed", `it must be a routing snapshot: ${where} ${first?.message}`);
}

function tableOf(snapshot: RoutingSnapshot): RoutingTable {
  const { planeName, version, checksum, publishedAt, restores, routes, services, sharedHost } = snapshot;
  return {
    ...{ planeName, version, checksum, publishedAt, restores, sharedHost },
    hosts: new Map(routes.map((route) => [route.host, route])),
    services: new Set(services),
  };
}
