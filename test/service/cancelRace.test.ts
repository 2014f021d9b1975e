import { expect, it } from "vitest";
import { journalAppend } from "../../registry/journal.ts";
import { operationCreate, operationGet } from "../../registry/operation.ts";
import { operationClaimNext } from "../../registry/operationLease.ts";
import type { RequestContext } from "../../service/app/context.ts";
import { operationCancel } from "../../service/app/operation.ts";
import { createMetrics } from "../../service/metrics.ts";
import { addTarget, context } from "../registry/fixtures.ts";
import { describeDialects } from "../registry/support.ts";
import { defaultFiles, policiesOf } from "../support/policies.ts";

const claim = {
  ...{ processId: "p1", leaseMs: 10_000, killTimeMs: 1_000, perPlane: 9, perTenant: 9 },
  ...{ dead: [], silent: [], active: [] },
};

describeDialects("a cancellation that meets the operation's beginning", (create) => {
  it("tells the worker to stop, and does not end what has begun", async () => {
    const registry = await (await create()).open();
    const { tenant, plane, target } = await addTarget(registry, "acme");
    const { operationId } = await registry.change(context, (change) =>
      operationCreate(change, {
        kind: "tenant_activate",
        tenantId: tenant.tenantId,
        targetId: target.targetId,
        planeName: plane.name,
      }),
    );
    const claimed = await registry.record((record) => operationClaimNext(record, claim));
    let begun = () => {};
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const beginning = registry.record(async (record) => {
      await journalAppend(record, operationId, [{ type: "started" }], claimed?.fencingToken);
      begun();
      // Long enough for the cancellation to read what is not committed yet.
      await new Promise((resolve) => setTimeout(resolve, 300));
    });
    await hasBegun;
    const asker = {
      registry,
      principal: { kind: "api_key", id: "key", name: "ada", role: "fleet_admin" },
      ...{ requestId: "r", correlationId: "r", cancelOperation: () => undefined },
      nudges: { nudge: () => undefined },
      policy: policiesOf(...defaultFiles()),
      metrics: createMetrics(),
    } as unknown as RequestContext;
    await Promise.all([beginning, operationCancel(asker, operationId, undefined)]);
    const { status, finishedAt } = await registry.read((db) => operationGet(db, operationId));
    expect({ status, finishedAt }).toEqual({ status: "running", finishedAt: null });
  });
});
