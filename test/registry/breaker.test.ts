import { expect, it } from "vitest";
import { auditEventList } from "../../registry/auditSearch.ts";
import {
  type BreakerRow,
  breakerAnnounce,
  breakerFind,
  breakerList,
  breakersOpen,
  breakerWrite,
} from "../../registry/breaker.ts";
import { context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const row = (scope: string, more: Partial<BreakerRow> = {}): BreakerRow => ({
  ...{ scope, state: "closed", outcomes: [], reason: null, openings: 0, openedAt: null, retryAt: null },
  ...{ probeHolder: null, probeUntil: null, updatedAt: "2026-01-01T00:00:00.000Z", ...more },
});
const open = { state: "open", openings: 1, openedAt: "2026-01-01T00:00:00.000Z" } as const;

describeDialects("circuit breakers", (create) => {
  it("are kept by scope, written over, listed in pages, and say when one is let through", async () => {
    const registry = await (await create()).open();
    const retryAt = "2026-01-01T00:01:00.000Z";
    const failure = { at: open.openedAt, targetId: "t", planeName: "p", failure: "throttled" };
    await registry.record(async (record) => {
      await breakerWrite(record, row("plane/two"));
      await breakerWrite(record, row("plane/one"));
      await breakerWrite(
        record,
        row("plane/one", { ...open, retryAt, outcomes: [failure], reason: "1 failed" }),
      );
    });
    expect([...(await registry.read(breakersOpen)).keys()]).toEqual(["plane/one"]);
    expect(await registry.read((db) => breakerFind(db, "plane/one"))).toMatchObject({ outcomes: [failure] });
    expect(await registry.read((db) => breakerFind(db, "plane/none"))).toBeUndefined();
    const list = (limit: number, now: string, cursor?: string) =>
      registry.read((db) => breakerList(db, { limit, cursor }, now));
    const first = await list(1, open.openedAt);
    expect(first.items).toMatchObject([{ scope: "plane/one", state: "open", failures: 1 }]);
    const rest = await list(5, open.openedAt, first.nextCursor ?? undefined);
    expect(rest).toMatchObject({ items: [{ scope: "plane/two", state: "closed" }], nextCursor: null });
    expect((await list(1, retryAt)).items).toMatchObject([{ state: "half_open" }]);
  });

  it("open and close with an audit event", async () => {
    const registry = await (await create()).open();
    const written = row("region/eu-west-1", { ...open, reason: "3 targets failed" });
    await registry.change(context, async (change) => {
      await breakerWrite(change, written);
      await breakerAnnounce(change, "opened", written);
    });
    const { items } = await registry.read((db) => auditEventList(db, { limit: 10 }));
    expect(items).toMatchObject([
      { action: "breaker.opened", outcome: "failed", target: { type: "breaker", id: "region/eu-west-1" } },
    ]);
  });
});
