import type { AuditBreak, AuditEvent } from "../contract/audit.ts";
import { type ChainHead, type ChainVerifier, createChainVerifier } from "./auditChain.ts";
import {
  type Head,
  headOf,
  headText,
  type SignedCheckpoint,
  type SignedStart,
  statementProblem,
} from "./auditCheckpoint.ts";
import { merkleRootOf, merkleTree } from "./merkle.ts";
import type { PublicKey } from "./signature.ts";

/**
 * An export of the audit trail, read line by line: events as they are, and between them lines that say what they are held
 * against. What is said of a chain comes before its events, so that a trail of any length needs no memory but its heads.
 * Pure: it needs no service, no registry, and no clock.
 *
 * It finds an event that was edited, removed, added or moved (by its hash and the next one's), a tail that was cut off (by the
 * head or a checkpoint), a beginning that was cut off (nothing signed says why), and a past that was rewritten with all
 * its hashes (by a checkpoint that was kept outside).
 */
export type AuditLine =
  | {
      readonly line: "export";
      readonly formatVersion: 1;
      readonly chain: string;
      readonly exportedAt: string;
    }
  | ({ readonly line: "key" } & PublicKey)
  | ({ readonly line: "checkpoint" } & SignedCheckpoint)
  | { readonly line: "checkpoint_head"; readonly head: string }
  | {
      readonly line: "inclusion";
      readonly checkpoint: number;
      readonly head: string;
      readonly index: number;
      readonly path: readonly string[];
    }
  | ({ readonly line: "start" } & SignedStart)
  | { readonly line: "segment"; readonly chain: string; readonly sequence: number; readonly hash: string }
  | { readonly line: "head"; readonly head: string }
  | { readonly line: "next"; readonly cursor: string }
  /** The last: without it something of what was exported is missing, be it lost on the way or cut off. */
  | { readonly line: "end" };

/** A checkpoint that was kept outside, with all its heads. */
export interface KeptCheckpoint {
  readonly signed: SignedCheckpoint;
  readonly heads: readonly string[];
  readonly keys: readonly PublicKey[];
}

export interface LinesOptions {
  /** Those that are trusted; without them the export's own are believed, which its writer chose. */
  readonly keys?: readonly PublicKey[] | undefined;
  readonly checkpoints?: readonly KeptCheckpoint[] | undefined;
  /** An event that must be in one of the chains. */
  readonly head?: ChainHead | undefined;
}

export interface LinesVerification {
  readonly verified: boolean;
  /** What the export says is in it: `all`, `fleet` or a tenant's id; null where events stand alone. */
  readonly scope: string | null;
  readonly chains: number;
  readonly events: number;
  readonly breaks: readonly AuditBreak[];
  readonly fleetHead: ChainHead | null;
  /** Checkpoints that the events were held against. */
  readonly checkpoints: readonly number[];
  /** Whether signatures were checked with keys that the caller trusts. */
  readonly keysGiven: boolean;
  /** Chains of which the export leaves out the beginning. */
  readonly segments: readonly Head[];
}

interface Chain {
  readonly verifier: ChainVerifier;
  last: ChainHead;
  readonly start: ChainHead;
  told: ChainHead | null;
}

const NOTHING: ChainHead = { sequence: 0, hash: "" };
const FLEET = "fleet";

/** `add` takes the lines in their order, `end` says what was found. */
export class LinesVerifier {
  readonly #options: LinesOptions;
  readonly #chains = new Map<string, Chain>();
  readonly #breaks: AuditBreak[] = [];
  readonly #believed: PublicKey[] = [];
  readonly #held = new Map<number, SignedCheckpoint>();
  readonly #vouched = new Map<string, ChainHead[]>();
  readonly #segments: Head[] = [];
  #scope: string | undefined;
  #events = 0;
  #headSeen = false;
  #isCut = false;
  #isEnded = false;

  constructor(options: LinesOptions = {}) {
    this.#options = options;
    for (const kept of options.checkpoints ?? []) this.#takeKept(kept);
  }

  add(value: AuditEvent | AuditLine): void {
    this.#isCut = "line" in value && value.line === "next";
    this.#isEnded = "line" in value && value.line === "end";
    if ("line" in value) this.#takeLine(value);
    else this.#takeEvent(value);
  }

  end(): LinesVerification {
    for (const { verifier, last, told } of this.#chains.values()) {
      const broken = verifier.end(told ?? (last.sequence === 0 ? null : last));
      if (broken !== undefined) this.#breaks.push(broken);
    }
    for (const [name, heads] of this.#vouched)
      if (this.#isIn(name)) for (const kept of heads) this.#holdEnd(name, kept);
    this.#holdWhole();
    const breaks = this.#breaks;
    const fleetHead = this.#chains.get(FLEET)?.last ?? null;
    return {
      ...{
        verified: breaks.length === 0,
        scope: this.#scope ?? null,
        chains: this.#chains.size,
        events: this.#events,
        breaks,
        fleetHead,
      },
      ...{ checkpoints: [...this.#held.keys()], segments: this.#segments },
      keysGiven: this.#options.keys !== undefined,
    };
  }

  /** Whether the export says that it has the chain. */
  #isIn(name: string): boolean {
    if (this.#scope === undefined) return this.#chains.has(name);
    return this.#scope === "all" || this.#scope === name;
  }

  #holdWhole(): void {
    const about = this.#scope ?? FLEET;
    if (this.#isCut) this.#found(about, 0, "truncated", "the export ends with a cursor, its rest is missing");
    else if (this.#scope !== undefined && !this.#isEnded)
      this.#found(about, 0, "truncated", "the line that ends an export is not its last");
    if (this.#scope === undefined && this.#vouched.size > 0)
      this.#found(about, 0, "truncated", "the line that says which chains are in the export is missing");
    const { head } = this.#options;
    if (head === undefined || this.#headSeen) return;
    const [name = FLEET] = this.#chains.keys();
    const message = `no event ${head.sequence} has the hash that was kept of it`;
    this.#found(name, head.sequence, "truncated", message);
  }

  #found(chain: string, sequence: number, kind: AuditBreak["kind"], message: string): void {
    this.#breaks.push({ chain, sequence, kind, message });
  }

  #takeKept({ signed, heads, keys }: KeptCheckpoint): void {
    const { number, root, fleetHead } = signed.statement;
    if (!this.#takeCheckpoint(signed, this.#options.keys ?? keys)) return;
    if (heads.length === 0) {
      // Without its heads a checkpoint still tells the fleet's.
      if (fleetHead !== null) this.#vouch(headText({ chain: FLEET, ...fleetHead }), number);
    } else if (merkleTree(heads).root === root) {
      for (const text of heads) this.#vouch(text, number);
    } else {
      const message = `the heads given with checkpoint ${number} are not those it has signed`;
      this.#found(FLEET, 0, "checkpoint_invalid", message);
    }
  }

  #takeCheckpoint(signed: SignedCheckpoint, keys: readonly PublicKey[]): boolean {
    const { number } = signed.statement;
    const problem = statementProblem(signed, "audit_checkpoint", keys);
    if (problem === undefined) this.#held.set(number, signed);
    else this.#found(FLEET, 0, "checkpoint_invalid", `checkpoint ${number}: ${problem}`);
    return problem === undefined;
  }

  #vouch(text: string, number: number): void {
    const head = headOf(text);
    if (head === undefined)
      this.#found(FLEET, 0, "checkpoint_invalid", `checkpoint ${number} has no such head: ${text}`);
    else this.#vouched.set(head.chain, [...(this.#vouched.get(head.chain) ?? []), head]);
  }

  #takeLine(line: AuditLine): void {
    switch (line.line) {
      case "export":
        this.#scope ??= line.chain;
        break;
      case "key":
        this.#believed.push({ keyId: line.keyId, publicKey: line.publicKey });
        break;
      case "checkpoint":
        this.#takeCheckpoint(line, this.#options.keys ?? this.#believed);
        break;
      case "inclusion":
        this.#takeInclusion(line);
        break;
      case "start":
        this.#takeStart(line);
        break;
      case "segment":
        this.#takeSegment(line);
        break;
      case "head":
        this.#takeHead(line.head);
        break;
      case "checkpoint_head":
      case "next":
      case "end":
        break;
      default:
        // What a later version may say besides changes nothing of what is held here.
        line satisfies never;
    }
  }

  #takeSegment({ chain, sequence, hash }: Head): void {
    this.#segments.push({ chain, sequence, hash });
    this.#chain(chain, { sequence, hash });
  }

  #takeHead(text: string): void {
    const told = headOf(text);
    if (told !== undefined) this.#chain(told.chain).told = { sequence: told.sequence, hash: told.hash };
  }

  #takeStart(signed: SignedStart): void {
    const { chain, sequence, hash } = signed.statement;
    const problem = statementProblem(signed, "audit_start", this.#options.keys ?? this.#believed);
    if (problem === undefined) this.#chain(chain, { sequence, hash });
    else this.#found(chain, sequence, "start_invalid", `the start of the chain: ${problem}`);
  }

  #takeInclusion(line: Extract<AuditLine, { line: "inclusion" }>): void {
    const statement = this.#held.get(line.checkpoint)?.statement;
    const root = merkleRootOf(line.head, line.index, statement?.chains ?? 0, line.path);
    if (statement !== undefined && root === statement.root) {
      this.#vouch(line.head, line.checkpoint);
      return;
    }
    const { chain = FLEET, sequence = 0 } = headOf(line.head) ?? {};
    const message = `checkpoint ${line.checkpoint} has not signed this head of the chain`;
    this.#found(chain, sequence, "checkpoint_invalid", message);
  }

  #chain(name: string, start: ChainHead = NOTHING): Chain {
    const known = this.#chains.get(name);
    if (known !== undefined) return known;
    const verifier = createChainVerifier(name, start.sequence === 0 ? undefined : start);
    const chain: Chain = { verifier, last: start, start, told: null };
    this.#chains.set(name, chain);
    return chain;
  }

  #takeEvent(event: AuditEvent): void {
    const chain = this.#chain(event.chain);
    const { sequence, hash } = event;
    chain.verifier.add(event);
    chain.last = { sequence, hash };
    const { head } = this.#options;
    this.#headSeen ||= head !== undefined && sequence === head.sequence && hash === head.hash;
    for (const kept of this.#vouched.get(event.chain) ?? [])
      if (kept.sequence === sequence && kept.hash !== hash) this.#rewritten(event.chain, sequence);
    this.#events += 1;
  }

  #holdEnd(name: string, kept: ChainHead): void {
    const { last, start } = this.#chains.get(name) ?? { last: NOTHING, start: NOTHING };
    if (kept.sequence > last.sequence) {
      const message = `the chain ends at ${last.sequence}, a checkpoint has signed ${kept.sequence}`;
      this.#found(name, last.sequence + 1, "truncated", message);
    } else if (kept.sequence === start.sequence && kept.hash !== start.hash) {
      this.#rewritten(name, kept.sequence);
    }
  }

  #rewritten(chain: string, sequence: number): void {
    const message = `event ${sequence} is not the one that a checkpoint has signed`;
    this.#found(chain, sequence, "rewritten", message);
  }
}
