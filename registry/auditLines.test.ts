import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AuditEvent } from "../contract/audit.ts";
import type { AuditCheckpointStatement, AuditStartStatement } from "../contract/auditCheckpoint.ts";
import { CHAIN_START, hashAuditEvent } from "./auditChain.ts";
import { headText, type Signed, statementText } from "./auditCheckpoint.ts";
import { type AuditLine, type KeptCheckpoint, type LinesOptions, LinesVerifier } from "./auditLines.ts";
import { merkleTree } from "./merkle.ts";
import { keyIdOf } from "./signature.ts";

const TENANT = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
const at = "2026-03-01T09:00:00.000Z";
const ours = keyPair();
const theirs = keyPair();

function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  return { privateKey, key: { keyId: keyIdOf(publicKey), publicKey: pem } };
}

function signed<T extends AuditCheckpointStatement | AuditStartStatement>(
  statement: T,
  by: { privateKey: KeyObject; key: { keyId: string } } = ours,
): Signed<T> {
  const value = sign(null, Buffer.from(statementText(statement), "utf8"), by.privateKey);
  return { statement, keyId: by.key.keyId, signature: value.toString("base64") };
}

/** A chain whose events say `said`, each in turn. */
function chainOf(chain: string, said: readonly string[]): AuditEvent[] {
  const events: AuditEvent[] = [];
  for (const reason of said) {
    const previous = events.at(-1);
    const unhashed = {
      ...{ eventId: `${chain}-${events.length}`, chain, sequence: events.length + 1, occurredAt: at },
      ...{ actor: { kind: "system", id: "s", name: "s" }, action: "test.ran", outcome: "succeeded" as const },
      ...{ target: { type: "test", id: "1" }, tenantId: null, reason, requestId: "r", correlationId: "c" },
      ...{ details: {}, previousHash: previous?.hash ?? CHAIN_START },
    };
    events.push({ ...unhashed, hash: hashAuditEvent(unhashed) });
  }
  return events;
}

const words = (count: number) => Array.from({ length: count }, (_, place) => `event ${place + 1}`);
const endOf = (events: readonly AuditEvent[]) => {
  const last = events.at(-1);
  if (last === undefined) throw new Error("the chain is empty");
  return headText(last);
};

function checkpoint(number: number, heads: readonly string[], by = ours): Signed<AuditCheckpointStatement> {
  const { root } = merkleTree(heads);
  const counts = { chains: heads.length, events: 0 };
  const names = { formatVersion: 1, kind: "audit_checkpoint" } as const;
  return signed({ ...names, number, createdAt: at, previous: null, ...counts, fleetHead: null, root }, by);
}

function keptOf(number: number, heads: readonly string[], by = ours): KeptCheckpoint {
  return { signed: checkpoint(number, heads, by), heads, keys: [by.key] };
}

const end: AuditLine = { line: "end" };
const scope = (chain: string): AuditLine => ({ line: "export", formatVersion: 1, chain, exportedAt: at });

function verify(lines: readonly (AuditEvent | AuditLine)[], options: LinesOptions = {}) {
  const verifier = new LinesVerifier(options);
  // As it comes out of a file.
  for (const line of JSON.parse(JSON.stringify(lines)) as typeof lines) verifier.add(line);
  return verifier.end();
}

const fleet = chainOf("fleet", words(6));
const tenant = chainOf(TENANT, words(5));
const heads = [endOf(tenant), endOf(fleet)];
const whole: (AuditEvent | AuditLine)[] = [
  ...[scope("all"), ...tenant, { line: "head" as const, head: endOf(tenant) }],
  ...[...fleet, { line: "head" as const, head: endOf(fleet) }, end],
];

describe("an export of the audit trail", () => {
  it("verifies as it is, alone and against a checkpoint with the keys that are trusted", () => {
    expect(verify(whole)).toMatchObject({ verified: true, chains: 2, events: 11, keysGiven: false });
    const options = { keys: [ours.key], checkpoints: [keptOf(1, heads)] };
    expect(verify(whole, options)).toMatchObject({ verified: true, checkpoints: [1], keysGiven: true });
  });

  it("shows each edited, deleted, doubled and moved record, wherever it is", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (first, second) => {
        const places = whole.flatMap((line, place) => ("line" in line ? [] : [place]));
        const [a = 0, b = 0] = [places[first % places.length], places[second % places.length]];
        const event = whole[a] as AuditEvent;
        expect(verify(whole.with(a, { ...event, reason: "never said" })).verified).toBe(false);
        expect(verify(whole.toSpliced(a, 1)).verified).toBe(false);
        expect(verify(whole.toSpliced(a, 0, event)).verified).toBe(false);
        const isSwap = a !== b && (whole[b] as AuditEvent).chain === event.chain;
        if (isSwap) expect(verify(whole.with(a, whole[b] as AuditEvent).with(b, event)).verified).toBe(false);
      }),
    );
  });

  it("shows a tail that was cut off by the chain's head, and by a checkpoint where the head went with it", () => {
    const cut = whole.toSpliced(5, 1);
    expect(verify(cut).breaks).toEqual([expect.objectContaining({ chain: TENANT, kind: "truncated" })]);
    const without = [scope("all"), ...tenant.slice(0, 3), ...fleet, end];
    expect(verify(without).verified).toBe(true);
    expect(verify(without, { checkpoints: [keptOf(1, heads)] }).breaks).toEqual([
      expect.objectContaining({ chain: TENANT, kind: "truncated", sequence: 4 }),
    ]);
  });

  it("shows an end that was cut off with everything that told of it, or that never came", () => {
    for (const lines of whole.keys()) {
      const { breaks } = verify(whole.slice(0, lines));
      if (lines > 0) expect(breaks).toContainEqual(expect.objectContaining({ kind: "truncated" }));
    }
    expect(verify([...whole, tenant[0] as AuditEvent]).verified).toBe(false);
  });

  it("shows a chain that is gone together with the line that said what is in the export", () => {
    expect(verify(whole.slice(1)).verified).toBe(true);
    const { breaks } = verify([...fleet, end], { checkpoints: [keptOf(1, heads)] });
    expect(breaks).toEqual([expect.objectContaining({ kind: "truncated" })]);
    expect(verify([scope("fleet"), ...fleet, end])).toMatchObject({ verified: true, scope: "fleet" });
  });

  it("shows a chain that is gone altogether", () => {
    const { breaks } = verify([scope("all"), ...fleet, end], { checkpoints: [keptOf(1, heads)] });
    expect(breaks).toEqual([expect.objectContaining({ chain: TENANT, kind: "truncated", sequence: 1 })]);
    expect(verify([scope("fleet"), ...fleet, end], { checkpoints: [keptOf(1, heads)] }).verified).toBe(true);
  });

  it("shows a past that was written anew with all its hashes, against an older checkpoint only", () => {
    const anew = chainOf(TENANT, [...words(2), "another story", ...words(5)]);
    const lines = [scope("all"), ...anew, ...fleet, end];
    expect(verify(lines).verified).toBe(true);
    expect(verify(lines, { checkpoints: [keptOf(1, heads)] }).breaks).toEqual([
      expect.objectContaining({ chain: TENANT, kind: "rewritten", sequence: 5 }),
    ]);
    const longer = [scope("all"), ...chainOf(TENANT, [...words(5), "later"]), ...fleet, end];
    expect(verify(longer, { checkpoints: [keptOf(1, heads)] }).verified).toBe(true);
  });

  it("shows a checkpoint that was forged, edited, or signed with a key that is not trusted", () => {
    const kinds = (kept: KeptCheckpoint, keys = [ours.key]) =>
      verify(whole, { keys, checkpoints: [kept] }).breaks.map(({ kind }) => kind);
    expect(kinds(keptOf(1, heads, theirs))).toEqual(["checkpoint_invalid"]);
    const kept = keptOf(1, heads);
    const renamed = { ...kept.signed, statement: { ...kept.signed.statement, number: 2 } };
    expect(kinds({ ...kept, signed: renamed })).toEqual(["checkpoint_invalid"]);
    expect(kinds({ ...kept, heads: heads.slice(1) })).toEqual(["checkpoint_invalid"]);
    const disguised = { ...theirs.key, keyId: ours.key.keyId };
    expect(kinds({ ...keptOf(1, heads, theirs), keys: [disguised] }, [disguised])).toEqual([
      "checkpoint_invalid",
    ]);
  });

  it("is not whole while it ends with a cursor, and is once the rest follows", () => {
    const next: AuditLine = { line: "next", cursor: "x" };
    const first = [...whole.slice(0, 4), next];
    expect(verify(first).breaks).toEqual([expect.objectContaining({ kind: "truncated" })]);
    expect(verify([...first, ...whole.slice(4)]).verified).toBe(true);
  });
});

describe("a chain whose beginning has outlived its retention", () => {
  const start = (sequence: number, hash: string, by = ours, chain = TENANT): AuditLine => {
    const names = { formatVersion: 1, kind: "audit_start" } as const;
    const facts = { chain, sequence, hash, keepDays: 400, checkpoint: 1, createdAt: at };
    return { line: "start", ...signed({ ...names, ...facts }, by) };
  };
  const kept = tenant.slice(2);
  const options = { keys: [ours.key] };

  it("verifies from its signed start on", () => {
    const lines = [start(2, tenant[1]?.hash ?? ""), ...kept];
    expect(verify(lines, options)).toMatchObject({ verified: true, events: 3 });
    expect(
      verify([scope(TENANT), ...lines, end], { ...options, checkpoints: [keptOf(1, heads)] }).verified,
    ).toBe(true);
  });

  it("is broken without one, with one that somebody else signed, or with that of another event or chain", () => {
    expect(verify(kept, options).breaks).toEqual([expect.objectContaining({ kind: "missing", sequence: 1 })]);
    const hash = tenant[1]?.hash ?? "";
    expect(verify([start(2, hash, theirs), ...kept], options).breaks).toEqual(
      expect.arrayContaining([expect.objectContaining({ kind: "start_invalid" })]),
    );
    expect(verify([start(3, hash), ...kept], options).verified).toBe(false);
    expect(verify([start(2, tenant[2]?.hash ?? ""), ...kept], options).verified).toBe(false);
    expect(verify([start(2, hash, ours, "fleet"), ...kept], options).verified).toBe(false);
    const asCheckpoint = { ...checkpoint(1, heads), line: "start" } as unknown as AuditLine;
    expect(verify([asCheckpoint, ...kept], options).verified).toBe(false);
  });

  it("does not hide that more was removed than a checkpoint has vouched for", () => {
    const forged = chainOf(TENANT, ["other", "other"]);
    const rest = chainOf(TENANT, ["other", "other", ...words(1)]).slice(2);
    const checkpoints = [keptOf(1, [endOf(tenant.slice(0, 2))])];
    const { breaks } = verify([scope(TENANT), start(2, forged[1]?.hash ?? ""), ...rest, end], {
      ...options,
      checkpoints,
    });
    expect(breaks).toEqual([expect.objectContaining({ kind: "rewritten", sequence: 2 })]);
  });
});

describe("the proof of one tenant's chain", () => {
  const all = [endOf(chainOf("a", ["x"])), endOf(tenant), endOf(chainOf("c", ["y"])), endOf(fleet)];
  const proof = (index: number, path: readonly string[], head = endOf(tenant)): AuditLine[] => [
    scope(TENANT),
    { line: "key", ...ours.key },
    { line: "checkpoint", ...checkpoint(1, all) },
    { line: "inclusion", checkpoint: 1, head, index, path },
  ];
  const path = merkleTree(all).path(1);

  it("is verified by the public key alone, and shows no other tenant", () => {
    const lines = [...proof(1, path), ...tenant, end];
    expect(verify(lines, { keys: [ours.key] })).toMatchObject({
      verified: true,
      checkpoints: [1],
      events: 5,
    });
    expect(JSON.stringify(lines)).not.toContain(all[0]?.split(":")[2]);
  });

  it("may begin later, and then says what it leaves out", () => {
    const segment: AuditLine = {
      ...{ line: "segment", chain: TENANT, sequence: 2 },
      hash: tenant[1]?.hash ?? "",
    };
    const verification = verify([...proof(1, path), segment, ...tenant.slice(2), end], { keys: [ours.key] });
    expect(verification).toMatchObject({ verified: true, segments: [{ chain: TENANT, sequence: 2 }] });
  });

  it("fails with another head, another place, another path, a missing tail or an edited event", () => {
    const broken = (lines: readonly (AuditEvent | AuditLine)[]) =>
      !verify([...lines, end], { keys: [ours.key] }).verified;
    expect(broken([...proof(1, path), ...tenant])).toBe(false);
    expect(broken([...proof(1, path, endOf(tenant.slice(0, 4))), ...tenant.slice(0, 4)])).toBe(true);
    expect(broken([...proof(2, path), ...tenant])).toBe(true);
    expect(broken([...proof(1, path.slice(1)), ...tenant])).toBe(true);
    expect(broken([...proof(1, path), ...tenant.slice(0, 4)])).toBe(true);
    expect(
      broken([...proof(1, path), ...tenant.with(1, { ...(tenant[1] as AuditEvent), action: "x" })]),
    ).toBe(true);
    expect(broken(proof(1, path))).toBe(true);
  });
});
