import { pino } from "pino";
import { describe, expect, it } from "vitest";
import type { AuditDecision } from "../../contract/audit.ts";
import type { Registry } from "../../registry/registry.ts";
import type { RequestContext } from "../app/context.ts";
import { createMetrics } from "../metrics.ts";
import { createDecisionLog } from "./decisionLog.ts";

const asker = {
  principal: { kind: "api_key", id: "k", name: "k", role: "auditor" },
  requestId: "r",
  correlationId: "c",
  decision: { made: { action: "tenantGet", role: "auditor", policies: ["p"], policyVersion: "1" } },
} as const satisfies Partial<RequestContext>;

/** A registry that takes what it is given, or nothing. */
function world(keptAtMost = 10) {
  const written: AuditDecision[][] = [];
  const state = { isAway: false };
  const insertInto = () => ({
    values: (rows: AuditDecision[]) => ({
      onConflict: () => ({ execute: async () => void written.push(rows) }),
    }),
  });
  const record = async (work: (books: unknown) => Promise<void>) => {
    if (state.isAway) throw new Error("away");
    await work({ db: { insertInto } });
  };
  const metrics = createMetrics();
  const parts = { registry: { record } as unknown as Registry, metrics, log: pino({ level: "silent" }) };
  const log = createDecisionLog(parts, { flushMs: 3_600_000, keptAtMost, committedAtOnce: 3 });
  const dropped = async () => (await metrics.decisionsDropped.get()).values[0]?.value ?? 0;
  return { log, written, state, dropped };
}

describe("the log of what was allowed", () => {
  it("is written in batches, and the rest of it when the service stops", async () => {
    const { log, written } = world();
    for (let place = 0; place < 7; place += 1) log.add(asker, `read ${place}`, undefined);
    expect(written).toEqual([]);
    await log.stop();
    expect(written.map((rows) => rows.length)).toEqual([3, 3, 1]);
    expect(written.flat().map(({ action }) => action)).toEqual(
      Array.from({ length: 7 }, (_, place) => `read ${place}`),
    );
    expect(written[0]?.[0]).toMatchObject({
      principalId: "k",
      tenantId: null,
      requestId: "r",
      policies: '["p"]',
    });
  });

  it("keeps what cannot be written for as long as it is not too much, and counts what it drops", async () => {
    const { log, written, state, dropped } = world(4);
    state.isAway = true;
    for (let place = 0; place < 6; place += 1) log.add(asker, "read", undefined);
    expect(await dropped()).toBe(2);
    await log.stop();
    expect(written).toEqual([]);
    state.isAway = false;
    await log.stop();
    expect(written.flat()).toHaveLength(4);
  });
});
