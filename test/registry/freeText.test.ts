import { expect, it } from "vitest";
import { flagCreateSchema } from "../../contract/flag.ts";
import { incidentCreateSchema } from "../../contract/incident.ts";
import { flagCreate } from "../../registry/flag.ts";
import { flagOverrideSet } from "../../registry/flagOverride.ts";
import { incidentCreate, incidentNoteCreate, incidentUpdate } from "../../registry/incident.ts";
import { pinCreate, pinRelease } from "../../registry/pin.ts";
import { releaseCreate } from "../../registry/release.ts";
import { windowCreate } from "../../registry/window.ts";
import { addRelease, addTarget, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const SECRET = "AKIAIOSFODNN7EXAMPLE";
const text = `signed in with ${SECRET} by mistake`;

describeDialects("what people write beside releases, pins, windows, flags and incidents", (create) => {
  it("keeps no secret, in records, audit log or outbox", async () => {
    const registry = await (await create()).open();
    const { services } = await addRelease(registry, "1.0.0");
    const { target } = await addTarget(registry, "acme");
    const { tenantId } = target;
    await registry.change(context, async (change) => {
      await releaseCreate(change, { description: text, notes: text, services, reason: text });
      const pin = { tenantId, targetId: null, releaseNumber: 1, kind: "pin", expiresAt: null } as const;
      const { pinId } = await pinCreate(change, { ...pin, reason: text });
      await pinRelease(change, pinId, text);
      const never = { cron: null, durationMs: null, timeZone: null, fromAt: null };
      const untilAt = "2999-01-01T00:00:00.000Z";
      const freeze = { ...never, effect: "deny", tenantId, planeName: null, untilAt } as const;
      await windowCreate(change, { ...freeze, reason: text });
      await flagCreate(change, flagCreateSchema.parse({ flagKey: "new-view" }));
      await flagOverrideSet(change, "new-view", tenantId, true, { reason: text });
      const input = incidentCreateSchema.parse({ title: text, severity: "minor", note: text });
      const { incidentId } = await incidentCreate(change, input);
      await incidentUpdate(change, incidentId, { title: `again ${text}`, reason: text });
      await incidentNoteCreate(change, incidentId, text);
    });
    const tables = [
      ...(["releases", "pins", "changeWindows", "flagOverrides", "incidents", "incidentNotes"] as const),
      ...(["auditEvents", "outbox"] as const),
    ];
    for (const table of tables) {
      const rows = await registry.read((db) => db.selectFrom(table).selectAll().execute());
      expect(rows.length, table).toBeGreaterThan(0);
      expect(JSON.stringify(rows), table).not.toContain(SECRET);
    }
    const { title } = await registry.read((db) =>
      db.selectFrom("incidents").select("title").executeTakeFirstOrThrow(),
    );
    expect(title).toBe("again signed in with [redacted] by mistake");
  });
});
