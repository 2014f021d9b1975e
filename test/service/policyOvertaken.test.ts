import { expect, it } from "vitest";
import { auditEventList } from "../../registry/auditSearch.ts";
import { tenantGet, tenantUpdate } from "../../registry/tenant.ts";
import { tenantLegalHold } from "../../registry/tenantLifecycle.ts";
import { authorize, recordOvertaken } from "../../service/app/authorize.ts";
import type { RequestContext } from "../../service/app/context.ts";
import { changeAs } from "../../service/app/context.ts";
import { createMetrics } from "../../service/metrics.ts";
import { addTenant, context as cause } from "../registry/fixtures.ts";
import { describeDialects } from "../registry/support.ts";
import { defaultFiles, policiesOf } from "../support/policies.ts";

describeDialects("a decision", (create) => {
  it("holds for the record that it was made on, and is made again when somebody was faster", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    const principal = { kind: "api_key", id: "key-1", name: "ada", role: "fleet_admin" } as const;
    const context = {
      ...{
        registry,
        principal,
        policy: policiesOf(...defaultFiles()),
        metrics: createMetrics(),
        decision: {},
      },
      ...{ requestId: "request-2", correlationId: "request-2" },
    } as unknown as RequestContext;
    const ending = () =>
      changeAs(context, async (change) => tenantUpdate(change, tenantId, { displayName: "Ending" }), {
        tenantId,
      });

    await authorize(context, "tenantDecommission", tenantId, { reason: "contract ended" });
    await registry.change(cause, (change) => tenantUpdate(change, tenantId, { labels: { tier: "gold" } }));
    expect(await ending()).toMatchObject({ displayName: "Ending", labels: { tier: "gold" } });

    await authorize(context, "tenantDecommission", tenantId, { reason: "contract ended" });
    const hold = { reason: "a case", placedBy: "key-of-ada", placedAt: "2026-03-01T09:00:00.000Z" };
    await registry.change(cause, (change) => tenantLegalHold(change, tenantId, hold, "a case"));
    const refusal = await ending().catch((thrown: unknown) => thrown);
    expect(refusal).toMatchObject({
      code: "policy_denied",
      options: { reasons: [{ policyId: "deletion-legal-hold" }] },
    });
    // What it would have recorded was taken back with the change, and is recorded by itself.
    await recordOvertaken(context, refusal);
    const denials = { tenantId, action: "access.denied", limit: 10 };
    const { items } = await registry.read((db) => auditEventList(db, denials));
    expect(items).toMatchObject([
      {
        outcome: "denied",
        details: { code: "policy_denied", authorization: { policies: ["deletion-legal-hold"] } },
      },
    ]);
    expect((await registry.read((db) => tenantGet(db, tenantId))).recordVersion).toBe(4);
  });
});
