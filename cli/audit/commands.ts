import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { AuditEvent, AuditVerification } from "../../contract/audit.ts";
import { type ChainHead, type ChainVerifier, createChainVerifier } from "../../registry/auditChain.ts";
import { itemsOf } from "../commands/apiCommand.ts";
import { argument, type CommandSpec, type Session, text } from "../commands/spec.ts";
import { EXIT, Failure, usageFailure } from "../exit.ts";
import { harmless } from "../io.ts";

const AUDIT = "/v1/control-plane/audit/events";
const FLEET = "fleet";

export const auditCommands: readonly CommandSpec[] = [
  {
    noun: "audit",
    verb: "export",
    summary: "Write a chain of the audit trail, oldest first, one event a line",
    description:
      "What `tenantry audit verify` reads. The fleet's chain when none is named; a tenant's chain is its id.",
    args: [],
    noJson: true,
    options: [{ name: "chain", value: "chain", description: "`fleet`, or a tenant's id" }],
    async run(input, session) {
      const chain = text(input, "chain") ?? FLEET;
      for await (const event of itemsOf<AuditEvent>(session, { path: AUDIT, query: { chain } }))
        session.io.out(`${JSON.stringify(event)}\n`);
      return EXIT.done;
    },
  },
  {
    noun: "audit",
    verb: "verify",
    summary: "Check an export of the audit trail, without the service",
    description:
      "Each event's hash covers the event and the hash before it. An export shows no tail that was cut off: give --head, as an earlier verification or the service told it. Exit code: 0 whole, 2 broken.",
    args: [{ name: "file", description: "of events, one a line; - for standard input", required: true }],
    options: [
      {
        name: "head",
        value: "sequence:hash",
        description: "the last event that must be in the chain, or one that later ones must follow",
      },
    ],
    async run(input, session) {
      const verification = await verify(argument(input, "file"), headOf(text(input, "head")));
      tell(session, verification);
      return verification.verified ? EXIT.done : EXIT.differences;
    },
  },
];

interface Chain {
  readonly verifier: ChainVerifier;
  last: ChainHead;
  headSeen: boolean;
}

/** Whole chains from their first event on, in any order among each other. Of any length: nothing is kept but the heads. */
async function verify(
  file: string,
  head: ChainHead | undefined,
): Promise<Omit<AuditVerification, "checkedAt">> {
  const chains = new Map<string, Chain>();
  let events = 0;
  for await (const event of eventsOf(file)) {
    const chain = chains.get(event.chain) ?? begin(chains, event.chain);
    chain.verifier.add(event);
    chain.last = { sequence: event.sequence, hash: event.hash };
    chain.headSeen ||= head !== undefined && event.sequence === head.sequence && event.hash === head.hash;
    events += 1;
  }
  const breaks = [...chains.values()].flatMap(({ verifier, last }) => verifier.end(last) ?? []);
  if (head !== undefined && ![...chains.values()].some(({ headSeen }) => headSeen)) {
    const [name = FLEET] = chains.keys();
    const message = `no event ${head.sequence} has the hash that was kept of it`;
    breaks.push({ chain: name, sequence: head.sequence, kind: "truncated", message });
  }
  const fleetHead = chains.get(FLEET)?.last ?? null;
  return { verified: breaks.length === 0, chains: chains.size, events, breaks, fleetHead };
}

function begin(chains: Map<string, Chain>, name: string): Chain {
  const chain = { verifier: createChainVerifier(name), last: { sequence: 0, hash: "" }, headSeen: false };
  chains.set(name, chain);
  return chain;
}

async function* eventsOf(file: string): AsyncGenerator<AuditEvent> {
  const input = file === "-" ? process.stdin : createReadStream(file, "utf8");
  let line = 0;
  try {
    for await (const said of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      line += 1;
      if (said.trim() !== "") yield eventOf(said, file, line);
    }
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure(EXIT.failed, `Cannot read ${file}: ${(cause as Error).message}.`, { cause });
  }
}

function eventOf(said: string, file: string, line: number): AuditEvent {
  try {
    const event = JSON.parse(said) as Partial<AuditEvent>;
    if (typeof event.chain === "string" && typeof event.hash === "string" && Number.isInteger(event.sequence))
      return event as AuditEvent;
  } catch {
    // Told below, as what is JSON and no event.
  }
  throw new Failure(EXIT.failed, `Cannot read ${file}: line ${line} must be an audit event as JSON.`);
}

function headOf(said: string | undefined): ChainHead | undefined {
  if (said === undefined) return undefined;
  const [, sequence, hash] = /^(\d+):([0-9a-f]{64})$/.exec(said) ?? [];
  if (sequence !== undefined && hash !== undefined) return { sequence: Number(sequence), hash };
  throw usageFailure(
    `Cannot read --head: it must be SEQUENCE:HASH from an earlier verification, got "${said}".`,
  );
}

function tell({ io, json }: Session, verification: Omit<AuditVerification, "checkedAt">): void {
  if (json) return void io.out(`${JSON.stringify(verification)}\n`);
  const { verified, events, chains, breaks, fleetHead } = verification;
  const lines = [
    `${events} events in ${chains} chains: ${verified ? "all verified" : `${breaks.length} broken`}`,
    ...breaks.map(({ chain, kind, message }) => `  ${chain}: ${kind}: ${message}`),
    ...(fleetHead === null ? [] : [`fleet head: ${fleetHead.sequence}:${fleetHead.hash}`]),
  ];
  io.out(`${lines.map(harmless).join("\n")}\n`);
}
