import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AuditEvent } from "../contract/audit.ts";
import { CHAIN_START, type ChainHead, hashAuditEvent, verifyChain } from "./auditChain.ts";

const CHAIN = "fleet";

function link(previous: AuditEvent | undefined, details: Record<string, unknown>): AuditEvent {
  const unhashed = {
    eventId: `0b9f6c0e-5a0c-4b7e-9f59-${String(previous?.sequence ?? 0).padStart(12, "0")}`,
    chain: CHAIN,
    sequence: (previous?.sequence ?? 0) + 1,
    occurredAt: "2026-03-01T09:00:00.000Z",
    actor: { kind: "system", id: "s", name: "s" },
    action: "test.ran",
    target: { type: "test", id: "1" },
    tenantId: null,
    outcome: "succeeded" as const,
    reason: null,
    requestId: "r",
    correlationId: "c",
    details,
    previousHash: previous?.hash ?? CHAIN_START,
  };
  return { ...unhashed, hash: hashAuditEvent(unhashed) };
}

function chainOf(details: readonly Record<string, unknown>[]): AuditEvent[] {
  const events: AuditEvent[] = [];
  for (const detail of details) events.push(link(events.at(-1), detail));
  return events;
}

function headOf(events: readonly AuditEvent[]): ChainHead {
  const last = events.at(-1);
  return { sequence: last?.sequence ?? 0, hash: last?.hash ?? CHAIN_START };
}

const anyDetails = fc.array(
  fc.dictionary(fc.string(), fc.jsonValue({ noUnicodeString: false }), { maxKeys: 3 }),
  {
    minLength: 3,
    maxLength: 8,
  },
);

describe("an audit chain", () => {
  it("verifies untouched, whatever its details, also after a trip through JSON", () => {
    fc.assert(
      fc.property(anyDetails, (details) => {
        const events = chainOf(JSON.parse(JSON.stringify(details)));
        const stored: AuditEvent[] = JSON.parse(JSON.stringify(events));
        expect(verifyChain(CHAIN, stored, headOf(events))).toBeUndefined();
      }),
    );
  });

  it("verifies empty, with no head", () => {
    expect(verifyChain(CHAIN, [], null)).toBeUndefined();
  });

  it("shows any edit of any field of any event", () => {
    const fields = ["occurredAt", "action", "requestId", "correlationId", "eventId", "chain"] as const;
    fc.assert(
      fc.property(anyDetails, fc.nat(), fc.constantFrom(...fields), (details, at, field) => {
        const events = chainOf(JSON.parse(JSON.stringify(details)));
        const place = at % events.length;
        const tampered = events.map((event, index) =>
          index === place ? { ...event, [field]: `${event[field]}x` } : event,
        );
        expect(verifyChain(CHAIN, tampered, headOf(events))).toMatchObject({
          kind: "edited",
          sequence: place + 1,
        });
      }),
    );
  });

  it("shows an edit whose hash was taken anew, at the event after it or at the head", () => {
    fc.assert(
      fc.property(anyDetails, fc.nat(), (details, at) => {
        const events = chainOf(JSON.parse(JSON.stringify(details)));
        const place = at % events.length;
        const tampered = events.map((event, index) => {
          if (index !== place) return event;
          const edited = { ...event, action: "test.never_ran" };
          return { ...edited, hash: hashAuditEvent(edited) };
        });
        expect(verifyChain(CHAIN, tampered, headOf(events))).toBeDefined();
      }),
    );
  });

  it("shows any deletion and any swap", () => {
    fc.assert(
      fc.property(anyDetails, fc.nat(), fc.nat(), (details, first, second) => {
        const events = chainOf(JSON.parse(JSON.stringify(details)));
        const [a, b] = [first % events.length, second % events.length];
        expect(verifyChain(CHAIN, events.toSpliced(a, 1), headOf(events))).toBeDefined();
        if (a === b) return;
        const swapped = [...events];
        [swapped[a], swapped[b]] = [events[b] as AuditEvent, events[a] as AuditEvent];
        expect(verifyChain(CHAIN, swapped, headOf(events))).toBeDefined();
      }),
    );
  });

  it("shows a tail cut off by its head, and a missing head", () => {
    const events = chainOf([{ a: 1 }, { a: 2 }, { a: 3 }]);
    expect(verifyChain(CHAIN, events.slice(0, 2), headOf(events))).toMatchObject({
      kind: "truncated",
      sequence: 3,
    });
    expect(verifyChain(CHAIN, [], headOf(events))).toMatchObject({ kind: "truncated", sequence: 1 });
    expect(verifyChain(CHAIN, events, null)).toMatchObject({ kind: "head_missing" });
    expect(verifyChain(CHAIN, events, headOf(events.slice(0, 2)))).toMatchObject({ kind: "edited" });
  });
});
