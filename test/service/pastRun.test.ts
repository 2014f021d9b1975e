import { expect, it } from "vitest";
import { type JournalAppend, journalAppend } from "../../registry/journal.ts";
import { operationCreate, operationInput } from "../../registry/operation.ts";
import type { Registry } from "../../registry/registry.ts";
import { type PastRun, wholePastRunOf } from "../../service/operations/pastRun.ts";
import { addTarget, context } from "../registry/fixtures.ts";
import { describeDialects } from "../registry/support.ts";

const resumed: JournalAppend = { type: "resumed" };

function done(step: string, data: Record<string, unknown> = {}): JournalAppend[] {
  return [
    { type: "step_started", step, data: { runId: step } },
    { type: "step_succeeded", step, data },
  ];
}

const first = [
  { type: "started" } as const,
  ...[done("resolve_spec", { digest: "one" }), done("deploy", { spec: "one" }), done("publish")].flat(),
];

describeDialects("what the journal says of earlier runs", (create) => {
  it("drops what was made of a result that is another by now, whoever died before making it anew", async () => {
    const registry = await (await create()).open();
    const operationId = await addOperation(registry, "acme");
    await append(registry, operationId, [...first, resumed, ...done("resolve_spec", { digest: "one" })]);
    expect(Object.keys((await read(registry, operationId)).results)).toEqual([
      "resolve_spec",
      "deploy",
      "publish",
    ]);
    await append(registry, operationId, [resumed, ...done("resolve_spec", { digest: "two" }), resumed]);
    const past = await read(registry, operationId);
    expect(past.results).toEqual({ resolve_spec: { digest: "two" } });
    expect([...past.steps]).toEqual(["resolve_spec", "deploy", "publish"]);
  });

  it("does so for an operation that goes on from another", async () => {
    const registry = await (await create()).open();
    const operationId = await addOperation(registry, "acme");
    await append(registry, operationId, [...first, { type: "failed" }]);
    const same = await addOperation(registry, "bolt", operationId);
    await append(registry, same, [{ type: "started" }, ...done("resolve_spec", { digest: "one" })]);
    expect((await read(registry, same)).results).toHaveProperty("deploy");
    await append(registry, same, [{ type: "step_started", step: "deploy" }, resumed]);
    expect((await read(registry, same)).results).not.toHaveProperty("deploy");
    const other = await addOperation(registry, "cord", operationId);
    await append(registry, other, [{ type: "started" }, ...done("resolve_spec", { digest: "two" })]);
    expect(Object.keys((await read(registry, other)).results)).toEqual(["resolve_spec"]);
  });

  it("counts how often it was taken up without getting on", async () => {
    const registry = await (await create()).open();
    const operationId = await addOperation(registry, "acme");
    const again = [resumed, ...done("resolve_spec", { digest: "one" })];
    await append(registry, operationId, [...first, ...again, ...again]);
    expect((await read(registry, operationId)).stalls).toBe(2);
    await append(registry, operationId, done("end_of_it"));
    expect((await read(registry, operationId)).stalls).toBe(0);
    await append(registry, operationId, [resumed, { type: "compensating" }, resumed, resumed]);
    expect((await read(registry, operationId)).stalls).toBe(2);
  });
});

async function addOperation(registry: Registry, slug: string, continues?: string): Promise<string> {
  const { tenant, plane, target } = await addTarget(registry, slug);
  const { operationId } = await registry.change(context, (change) =>
    operationCreate(change, {
      ...{ kind: "tenant_deploy", tenantId: tenant.tenantId },
      ...{ targetId: target.targetId, planeName: plane.name },
      input: continues === undefined ? {} : { continues },
    }),
  );
  return operationId;
}

async function append(registry: Registry, operationId: string, entries: JournalAppend[]): Promise<void> {
  await registry.record((record) => journalAppend(record, operationId, entries));
}

function read(registry: Registry, operationId: string): Promise<PastRun> {
  return registry.read(async (db) => wholePastRunOf(db, operationId, await operationInput(db, operationId)));
}
