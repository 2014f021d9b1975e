import { expect, it } from "vitest";
import { operationLock } from "../../registry/bookkeeping.ts";
import type { JournalAppend, JournalHead } from "../../registry/journal.ts";
import { journalAppend, journalList, journalState, LeaseLostError } from "../../registry/journal.ts";
import {
  operationCreate,
  operationDetail,
  operationFind,
  operationGet,
  operationInput,
  operationList,
  operationLiveOfTarget,
} from "../../registry/operation.ts";
import { IllegalJournalEntry } from "../../registry/operationFold.ts";
import { operationClaim, operationRelease, operationRenew } from "../../registry/operationLease.ts";
import type { Registry } from "../../registry/registry.ts";
import { addTarget, context, settableClock } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const LEASE_MS = 10_000;

describeDialects("operations", (create) => {
  it("are queued with a journal, and audited on the tenant's chain", async () => {
    const database = await create();
    const registry = await database.open();
    const operation = await begin(registry, "acme");
    expect(operation).toMatchObject({ status: "queued", attempt: 0, requestedBy: "key-of-ada", error: null });
    expect(await registry.read((db) => operationGet(db, operation.operationId))).toEqual(operation);
    expect(await registry.read((db) => operationInput(db, operation.operationId))).toEqual({ force: true });
    const journal = await registry.read((db) => journalList(db, operation.operationId, 0, 10));
    expect(journal).toMatchObject([{ sequence: 1, type: "created", data: { kind: "tenant_activate" } }]);
    const audited = await database.raw("select action from audit_events where action like 'operation.%'");
    expect(audited).toEqual([{ action: "operation.created" }]);
  });

  it("are one at a time on a target; the next may begin when it has ended", async () => {
    const registry = await (await create()).open();
    const first = await begin(registry, "acme");
    const again = () => registry.change(context, (change) => operationCreate(change, factsOf(first)));
    await expect(again()).rejects.toMatchObject({
      code: "operation_in_progress",
      status: 409,
      options: { operationId: first.operationId },
    });
    await append(registry, first.operationId, [{ type: "cancelled" }]);
    expect((await again()).status).toBe("queued");
  });

  it("are one at a time on a target for the database too", async () => {
    const database = await create();
    const operation = await begin(await database.open(), "acme");
    const columns =
      "kind, tenant_id, target_id, plane_name, rollout_id, input, reason, requested_by, request_id";
    const rest =
      "correlation_id, status, current_step, attempt, journal_length, error, lease_owner, lease_expires_at, " +
      "fencing_token, created_at, updated_at, started_at, finished_at";
    const copy = database.raw(
      `insert into operations (operation_id, ${columns}, ${rest}) select 'other', ${columns}, ${rest} from operations
       where operation_id = '${operation.operationId}'`,
    );
    await expect(copy).rejects.toThrow(/UNIQUE/i);
  });

  it("fold their journal into status, steps, attempt and error", async () => {
    const registry = await (await create()).open();
    const { operationId } = await begin(registry, "acme");
    await append(registry, operationId, [
      { type: "started" },
      { type: "step_started", step: "resolve_spec" },
      { type: "step_succeeded", step: "resolve_spec" },
      { type: "step_started", step: "engine_up" },
      { type: "progress", data: { resource: "bucket" } },
    ]);
    const running = await registry.read((db) => operationDetail(db, operationId));
    expect(running).toMatchObject({
      status: "running",
      currentStep: "engine_up",
      attempt: 1,
      finishedAt: null,
    });
    expect(running.steps.map((step) => [step.name, step.status])).toEqual([
      ["resolve_spec", "succeeded"],
      ["engine_up", "running"],
    ]);

    const error = { code: "cloud_refused", message: "the bucket's name is taken", retryable: false };
    await append(registry, operationId, [
      { type: "step_failed", step: "engine_up" },
      { type: "failed", error },
    ]);
    const failed = await registry.read((db) => operationGet(db, operationId));
    expect(failed).toMatchObject({ status: "failed", currentStep: null, error });
    expect(failed.finishedAt).not.toBeNull();
    expect(await registry.read((db) => operationLiveOfTarget(db, failed.targetId ?? ""))).toBeUndefined();
  });

  it("refuse an illegal entry, and nothing of its batch stays", async () => {
    const registry = await (await create()).open();
    const { operationId } = await begin(registry, "acme");
    const bad = append(registry, operationId, [{ type: "started" }, { type: "step_succeeded", step: "x" }]);
    await expect(bad).rejects.toBeInstanceOf(IllegalJournalEntry);
    expect((await registry.read((db) => operationGet(db, operationId))).status).toBe("queued");
    expect(await registry.read((db) => journalList(db, operationId, 0, 10))).toHaveLength(1);
  });

  it("go on from the head that their writer knows, also when somebody has written since", async () => {
    const registry = await (await create()).open();
    const { operationId } = await begin(registry, "acme");
    await claim(registry, operationId, "worker-a");
    const write = (entries: readonly JournalAppend[], known?: JournalHead, token = 1) =>
      registry.record(
        (record) => journalAppend(record, operationId, entries, token, known),
        operationLock(operationId),
      );
    const first = await write([{ type: "started" }, { type: "step_started", step: "deploy" }]);
    const second = await write([{ type: "progress", step: "deploy" }], first);
    expect(second.length).toBe(first.length + 1);
    await append(registry, operationId, [{ type: "cancel_requested" }]);
    const third = await write([{ type: "step_succeeded", step: "deploy" }], second);
    expect(third).toEqual({ length: 6, state: await registry.read((db) => journalState(db, operationId)) });
    expect(third.state?.cancelRequestedAt).not.toBeNull();
    await expect(write([{ type: "succeeded" }], third, 2)).rejects.toBeInstanceOf(LeaseLostError);
    // An end by somebody else is met, however little of it the writer knows.
    await append(registry, operationId, [{ type: "cancelled" }]);
    await expect(write([{ type: "succeeded" }], third)).rejects.toBeInstanceOf(IllegalJournalEntry);
    const entries = await registry.read((db) => journalList(db, operationId, 0, 10));
    expect(entries.map(({ sequence, type }) => `${sequence} ${type}`)).toEqual([
      "1 created",
      "2 started",
      "3 step_started",
      "4 progress",
      "5 cancel_requested",
      "6 step_succeeded",
      "7 cancelled",
    ]);
  });

  it("read on from any point of the journal", async () => {
    const registry = await (await create()).open();
    const { operationId } = await begin(registry, "acme");
    await append(registry, operationId, [
      { type: "started" },
      ...Array(5).fill({ type: "progress" } as const),
    ]);
    const read = (after: number, limit: number) =>
      registry.read((db) => journalList(db, operationId, after, limit));
    expect((await read(0, 3)).map((entry) => entry.sequence)).toEqual([1, 2, 3]);
    expect((await read(3, 10)).map((entry) => entry.sequence)).toEqual([4, 5, 6, 7]);
    expect(await read(7, 10)).toEqual([]);
    expect(await registry.read((db) => journalState(db, "none"))).toBeUndefined();
  });

  it("keep no secret from a provider's message", async () => {
    const database = await create();
    const registry = await database.open();
    const { operationId } = await begin(registry, "acme");
    const secret = "postgres://admin:hunter2@db.internal/acme";
    const message = `cannot reach ${secret} now`;
    await append(registry, operationId, [
      { type: "failed", message, data: { url: secret }, error: { code: "x", message, retryable: true } },
    ]);
    const stored = JSON.stringify([
      await database.raw("select * from operations"),
      await database.raw("select * from operation_journal"),
    ]);
    expect(stored).not.toContain("hunter2");
    expect(stored).toContain("cannot reach [redacted] now");
  });

  it("are listed newest first with filters, page by page", async () => {
    const registry = await (await create()).open();
    const first = await begin(registry, "acme");
    const second = await begin(registry, "bolt");
    await append(registry, first.operationId, [{ type: "failed" }]);
    const ids = async (query: object) =>
      (await registry.read((db) => operationList(db, { limit: 9, ...query }))).items.map(
        (o) => o.operationId,
      );
    expect(await ids({})).toEqual([second.operationId, first.operationId]);
    expect(await ids({ status: "failed" })).toEqual([first.operationId]);
    expect(await ids({ tenantId: second.tenantId })).toEqual([second.operationId]);
    expect(await ids({ targetId: first.targetId })).toEqual([first.operationId]);
    expect(await ids({ rolloutId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11" })).toEqual([]);
    const page = await registry.read((db) => operationList(db, { limit: 1 }));
    expect(await ids({ cursor: page.nextCursor })).toEqual([first.operationId]);
  });

  it("that are not there are a problem, or undefined", async () => {
    const registry = await (await create()).open();
    expect(await registry.read((db) => operationFind(db, "none"))).toBeUndefined();
    const missing = { code: "operation_not_found" };
    await expect(registry.read((db) => operationGet(db, "none"))).rejects.toMatchObject(missing);
    await expect(registry.read((db) => operationInput(db, "none"))).rejects.toMatchObject(missing);
    await expect(append(registry, "none", [{ type: "started" }])).rejects.toThrow(/must exist/);
  });
});

describeDialects("leases on operations", (create) => {
  it("go to one owner; the next claim after they run out raises the token", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const { operationId } = await begin(registry, "acme");
    const first = await claim(registry, operationId, "worker-a");
    expect(first?.fencingToken).toBe(1);
    expect(await claim(registry, operationId, "worker-b")).toBeUndefined();
    clock.advance(LEASE_MS);
    expect((await claim(registry, operationId, "worker-b"))?.fencingToken).toBe(2);
  });

  it("keep an old owner from writing once another has claimed", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const { operationId } = await begin(registry, "acme");
    await claim(registry, operationId, "worker-a");
    await append(registry, operationId, [{ type: "started" }], 1);
    clock.advance(LEASE_MS);
    await claim(registry, operationId, "worker-b");
    await expect(append(registry, operationId, [{ type: "succeeded" }], 1)).rejects.toBeInstanceOf(
      LeaseLostError,
    );
    await append(registry, operationId, [{ type: "resumed" }], 2);
    const operation = await registry.read((db) => operationGet(db, operationId));
    expect(operation).toMatchObject({ status: "running", attempt: 2 });
  });

  it("are renewed by their owner only", async () => {
    const clock = settableClock();
    const registry = await (await create()).open({ now: clock.now });
    const { operationId } = await begin(registry, "acme");
    await claim(registry, operationId, "worker-a");
    clock.advance(LEASE_MS - 1);
    await registry.record((record) => operationRenew(record, operationId, 1, LEASE_MS));
    clock.advance(LEASE_MS - 1);
    expect(await claim(registry, operationId, "worker-b")).toBeUndefined();
    clock.advance(1);
    await claim(registry, operationId, "worker-b");
    const renewal = registry.record((record) => operationRenew(record, operationId, 1, LEASE_MS));
    await expect(renewal).rejects.toBeInstanceOf(LeaseLostError);
  });

  it("can be given back, and are gone when the operation has ended", async () => {
    const registry = await (await create()).open();
    const { operationId } = await begin(registry, "acme");
    await claim(registry, operationId, "worker-a");
    await registry.record((record) => operationRelease(record, operationId, 1));
    const again = await claim(registry, operationId, "worker-b");
    expect(again?.fencingToken).toBe(2);
    await append(registry, operationId, [{ type: "started" }, { type: "succeeded" }], 2);
    expect(await claim(registry, operationId, "worker-a")).toBeUndefined();
    const renewal = registry.record((record) => operationRenew(record, operationId, 2, LEASE_MS));
    await expect(renewal).rejects.toBeInstanceOf(LeaseLostError);
  });
});

async function begin(registry: Registry, slug: string) {
  const { tenant, target } = await addTarget(registry, slug);
  const facts = { ...target, tenantId: tenant.tenantId };
  return registry.change(context, (change) =>
    operationCreate(change, {
      kind: "tenant_activate",
      tenantId: facts.tenantId,
      targetId: facts.targetId,
      planeName: facts.planeName,
      input: { force: true },
    }),
  );
}

function factsOf(operation: { tenantId: string | null; targetId: string | null; planeName: string | null }) {
  const { tenantId, targetId, planeName } = operation;
  return { kind: "tenant_deploy", tenantId: tenantId ?? "", targetId, planeName } as const;
}

function append(registry: Registry, operationId: string, entries: readonly JournalAppend[], token?: number) {
  return registry.record((record) => journalAppend(record, operationId, entries, token));
}

function claim(registry: Registry, operationId: string, owner: string) {
  return registry.record((record) => operationClaim(record, operationId, owner, LEASE_MS));
}
