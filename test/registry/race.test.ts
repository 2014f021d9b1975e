import { expect, it } from "vitest";
import type { Operation } from "../../contract/operation.ts";
import type { Target } from "../../contract/target.ts";
import { operationLock } from "../../registry/bookkeeping.ts";
import { driftScanCreate, driftScanGet, driftScanTargetSet } from "../../registry/driftScan.ts";
import { idempotencyBegin } from "../../registry/idempotency.ts";
import { type JournalHead, journalAppend, journalState, LeaseLostError } from "../../registry/journal.ts";
import { operationCreate, operationGet } from "../../registry/operation.ts";
import { operationClaim } from "../../registry/operationLease.ts";
import type { Registry } from "../../registry/registry.ts";
import { addRelease, addTarget, addTenant, context, settableClock } from "./fixtures.ts";
import { describeDialects, type TestDatabase } from "./support.ts";

const LEASE_MS = 10_000;
const RACERS = 10;

describeDialects("of ten at once", (create, dialect) => {
  it("one claims an operation", async () => {
    const [registry, other] = await openTwo(await create());
    const { operationId } = await queue(registry);
    const claims = await race(registry, other, (one, place) => claim(one, operationId, `worker-${place}`));
    const won = claims.map(fulfilled).filter((claimed) => claimed !== undefined);
    expect(won.map((claimed) => claimed.fencingToken)).toEqual([1]);
    expect(claims.every((outcome) => outcome.status === "fulfilled")).toBe(true);
  });

  it("one begins an operation on a target, and the others learn which", async () => {
    const [registry, other] = await openTwo(await create());
    const { tenant, target } = await addTarget(registry, "acme");
    const begin = (one: Registry) =>
      one.change(
        context,
        (change) =>
          operationCreate(change, {
            kind: "tenant_deploy",
            tenantId: tenant.tenantId,
            targetId: target.targetId,
            planeName: target.planeName,
          }),
        { tenantId: tenant.tenantId },
      );
    const outcomes = await race(registry, other, begin);
    const [won, ...more] = outcomes.map(fulfilled).filter((operation) => operation !== undefined);
    expect(more).toEqual([]);
    for (const reason of refusals(outcomes)) {
      expect(reason).toMatchObject({
        code: "operation_in_progress",
        options: { operationId: won?.operationId },
      });
    }
  });

  it("one gets a slug", async () => {
    const [registry, other] = await openTwo(await create());
    const outcomes = await race(registry, other, (one) => addTenant(one, "acme"));
    expect(refusals(outcomes)).toHaveLength(RACERS - 1);
    for (const reason of refusals(outcomes)) expect(reason).toMatchObject({ code: "duplicate_slug" });
  });

  it("one takes an idempotency key", async () => {
    const [registry, other] = await openTwo(await create());
    const outcomes = await race(registry, other, (one, place) =>
      one.record((record) =>
        idempotencyBegin(record, {
          principalId: "ada",
          key: "k-1",
          requestId: String(place),
          requestDigest: "same",
        }),
      ),
    );
    expect(refusals(outcomes)).toHaveLength(RACERS - 1);
    for (const reason of refusals(outcomes))
      expect(reason).toMatchObject({ code: "idempotency_in_progress" });
  });

  it("each makes a release with a number of its own", async () => {
    const [registry, other] = await openTwo(await create());
    const outcomes = await race(registry, other, (one) => addRelease(one));
    const numbers = outcomes.map((outcome) => fulfilled(outcome)?.number ?? 0).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: RACERS }, (_, place) => place + 1));
  });

  it("each result of a scan is counted", async () => {
    const [registry, other] = await openTwo(await create());
    const targets: Target[] = [];
    for (let place = 0; place < RACERS; place += 1)
      targets.push((await addTarget(registry, `tenant-${place}`)).target);
    const { scanId } = await registry.change(context, (change) =>
      driftScanCreate(change, { scope: {}, targets }),
    );
    await race(registry, other, (one, place) =>
      one.record((record) =>
        driftScanTargetSet(record, scanId, targets[place]?.targetId ?? "", {
          status: "drifted",
          findings: 2,
        }),
      ),
    );
    expect(await registry.read((db) => driftScanGet(db, scanId))).toMatchObject({
      targetsDone: RACERS,
      findingsOpen: 2 * RACERS,
    });
  });

  if (dialect === "postgresql")
    it.each([false, true])(
      "no entry is checked against a token that is being raised (head known: %s)",
      async (isKnown) => {
        const { registry, successor, operationId, head } = await lapsed(await create(), isKnown);
        const gate = Promise.withResolvers<void>();
        const claimed = Promise.withResolvers<void>();
        const taken = successor.record(async (record) => {
          await operationClaim(record, operationId, "worker-b", LEASE_MS);
          claimed.resolve();
          await gate.promise;
        });
        await claimed.promise;
        const stale = registry.record(
          (record) => journalAppend(record, operationId, [{ type: "started" }], 1, head),
          operationLock(operationId),
        );
        const outcome = expect(stale).rejects.toBeInstanceOf(LeaseLostError);
        await new Promise((resolve) => setTimeout(resolve, 50));
        gate.resolve();
        await taken;
        await outcome;
        expect((await registry.read((db) => operationGet(db, operationId))).status).toBe("queued");
      },
    );

  if (dialect === "postgresql")
    it.each([false, true])(
      "no claim comes between an owner's check and its entry (head known: %s)",
      async (isKnown) => {
        const { registry, successor, operationId, head } = await lapsed(await create(), isKnown);
        const gate = Promise.withResolvers<void>();
        const appended = Promise.withResolvers<void>();
        const order: string[] = [];
        const entry = registry
          .record(async (record) => {
            await journalAppend(record, operationId, [{ type: "started" }], 1, head);
            appended.resolve();
            await gate.promise;
          }, operationLock(operationId))
          .then(() => order.push("entry"));
        await appended.promise;
        const taken = claim(successor, operationId, "worker-b").then((claimed) => {
          order.push("claim");
          return claimed;
        });
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(order).toEqual([]);
        gate.resolve();
        expect(await taken).toMatchObject({ fencingToken: 2, operation: { status: "running" } });
        await entry;
        const late = registry.record((record) =>
          journalAppend(record, operationId, [{ type: "succeeded" }], 1),
        );
        await expect(late).rejects.toBeInstanceOf(LeaseLostError);
        expect((await registry.read((db) => operationGet(db, operationId))).status).toBe("running");
      },
    );
});

/** An operation whose owner's lease has run out, with a successor to claim it. */
async function lapsed(database: TestDatabase, isKnown: boolean) {
  const clock = settableClock();
  const [registry, successor] = await openTwo(database, clock.now);
  const { operationId } = await queue(registry);
  await claim(registry, operationId, "worker-a");
  clock.advance(LEASE_MS);
  const head = isKnown ? await headOf(registry, operationId) : undefined;
  return { registry, successor, operationId, head };
}

async function headOf(registry: Registry, operationId: string): Promise<JournalHead> {
  return { length: 1, state: await registry.read((db) => journalState(db, operationId)) };
}

/** On SQLite one: a second in this process would wait for the first with the whole process. */
async function openTwo(database: TestDatabase, now?: () => Date): Promise<[Registry, Registry]> {
  const tuning = now === undefined ? {} : { now };
  const registry = await database.open(tuning);
  return [registry, registry.dialect === "sqlite" ? registry : await database.open(tuning)];
}

function race<T>(
  registry: Registry,
  other: Registry,
  run: (registry: Registry, place: number) => Promise<T>,
): Promise<PromiseSettledResult<T>[]> {
  return Promise.allSettled(
    Array.from({ length: RACERS }, (_, place) => run(place % 2 === 0 ? registry : other, place)),
  );
}

function fulfilled<T>(outcome: PromiseSettledResult<T>): T | undefined {
  return outcome.status === "fulfilled" ? outcome.value : undefined;
}

function refusals(outcomes: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return outcomes.filter((outcome) => outcome.status === "rejected").map((outcome) => outcome.reason);
}

async function queue(registry: Registry): Promise<Operation> {
  const { tenant, target } = await addTarget(registry, "acme");
  return registry.change(context, (change) =>
    operationCreate(change, {
      kind: "tenant_activate",
      tenantId: tenant.tenantId,
      targetId: target.targetId,
      planeName: target.planeName,
    }),
  );
}

function claim(registry: Registry, operationId: string, owner: string) {
  return registry.record((record) => operationClaim(record, operationId, owner, LEASE_MS));
}
