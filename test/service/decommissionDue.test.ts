import { expect, it } from "vitest";
import { decommissionCreate } from "../../registry/decommission.ts";
import { operationList } from "../../registry/operation.ts";
import type { Registry } from "../../registry/registry.ts";
import type { ServiceContext } from "../../service/app/context.ts";
import { destroyDue } from "../../service/operations/decommissionDue.ts";
import { addTarget, context, settableClock } from "../registry/fixtures.ts";
import { describeDialects } from "../registry/support.ts";

describeDialects("destructions that are due", (create) => {
  it("are begun for the others when one cannot be", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const tenantIds: string[] = [];
    for (const slug of ["broken", "next"]) {
      const { tenant } = await addTarget(registry, slug);
      tenantIds.push(tenant.tenantId);
      await registry.change(context, async (change) => {
        const { tenantId } = tenant;
        const rest = { statusBefore: "active", blockedTargets: [], reason: "contract ended" } as const;
        await decommissionCreate(change, { tenantId, ...rest, graceMs: 1 });
        await change.audit({ action: "test.due", target: { type: "tenant", id: tenantId }, tenantId });
      });
    }
    const [broken, next] = tenantIds;
    const change: Registry["change"] = (by, work, scope) =>
      scope?.tenantId === broken ? Promise.reject(new Error("broken")) : registry.change(by, work, scope);
    const failures: unknown[] = [];
    const service = {
      registry: { ...registry, change },
      nudges: { nudge: () => undefined },
      log: { error: (about: { tenantId: string }) => failures.push(about.tenantId) },
    } as unknown as ServiceContext;
    clock.advance(1);
    await destroyDue(service, await registry.record(async (record) => record.now));
    const { items } = await registry.read((db) => operationList(db, { limit: 10 }));
    expect(items.map(({ tenantId, kind }) => [tenantId, kind])).toEqual([[next, "tenant_decommission"]]);
    expect(failures).toEqual([broken]);
  });
});
