import { expect, it } from "vitest";
import {
  type InterruptedCall,
  interruptedCalls,
  interruptedCallsForget,
  interruptedCallsNote,
} from "../../registry/interruptedCall.ts";
import { journalAppend, LeaseLostError } from "../../registry/journal.ts";
import { operationCreate } from "../../registry/operation.ts";
import { operationClaim, operationRelease } from "../../registry/operationLease.ts";
import type { Registry } from "../../registry/registry.ts";
import { addTarget, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const LEASE_MS = 10_000;
const KEY = "aws:kms/key:Key";

describeDialects("calls that were never answered", (create) => {
  it("are known to another process, by the next operation too, until its recovery forgets them", async () => {
    const database = await create();
    const registry = await database.open();
    const { stack, claimed } = await target(registry);
    const first = await claimed();
    await note(registry, stack, first, [call("key"), call("address")]);
    await end(registry, first);
    const other = await database.open();
    const known = () => other.read((db) => interruptedCalls(db, stack));
    expect(await known()).toEqual([call("address"), call("key")]);
    const second = await claimed();
    await note(other, stack, second, [{ ...call("key"), type: "updating" }, call("late")]);
    expect(await known()).toEqual([call("address"), call("key"), call("late")]);
    await other.record((record) => interruptedCallsForget(record, stack, second));
    expect(await registry.read((db) => interruptedCalls(db, stack))).toEqual([]);
  });

  it("are one stack's: another generation of the target has none", async () => {
    const registry = await (await create()).open();
    const { stack, claimed } = await target(registry);
    const owner = await claimed();
    await note(registry, stack, owner, [call("key")]);
    const next = { ...stack, stackName: "dev-eu-west-1-2" };
    expect(await registry.read((db) => interruptedCalls(db, next))).toEqual([]);
    await registry.record((record) => interruptedCallsForget(record, next, owner));
    expect(await registry.read((db) => interruptedCalls(db, stack))).toHaveLength(1);
  });

  it("are neither noted nor forgotten by an owner who was overtaken, has given back or has ended", async () => {
    const registry = await (await create()).open();
    const { stack, claimed } = await target(registry);
    const owner = await claimed();
    await note(registry, stack, owner, [call("key")]);
    const { operationId, fencingToken } = owner;
    await registry.record((record) => operationClaim(record, operationId, "successor", LEASE_MS, "owner"));
    await refused(registry, stack, owner);
    const successor = { operationId, fencingToken: fencingToken + 1 };
    await note(registry, stack, successor, [call("of the successor")]);
    await registry.record((record) => operationRelease(record, operationId, successor.fencingToken));
    await refused(registry, stack, successor);
    await registry.record((record) => operationClaim(record, operationId, "third", LEASE_MS));
    const third = { operationId, fencingToken: fencingToken + 2 };
    await end(registry, third);
    await refused(registry, stack, third);
    const kept = [call("key"), call("of the successor")];
    expect(await registry.read((db) => interruptedCalls(db, stack))).toEqual(kept);
  });
});

type Stack = Parameters<typeof interruptedCalls>[1];
type Owner = Parameters<typeof interruptedCallsForget>[2];

function call(name: string): InterruptedCall {
  const urn = `urn:pulumi:dev::tenant::${KEY}::${name}`;
  return { type: "creating", resource: { urn, type: KEY, custom: true, inputs: { tags: { name } } } };
}

function note(registry: Registry, stack: Stack, owner: Owner, calls: readonly InterruptedCall[]) {
  return registry.record((record) => interruptedCallsNote(record, stack, calls, owner));
}

async function refused(registry: Registry, stack: Stack, owner: Owner): Promise<void> {
  await expect(note(registry, stack, owner, [call("too late")])).rejects.toThrow(LeaseLostError);
  const forget = registry.record((record) => interruptedCallsForget(record, stack, owner));
  await expect(forget).rejects.toThrow(LeaseLostError);
}

async function end(registry: Registry, { operationId, fencingToken }: Owner): Promise<void> {
  const entries = [{ type: "started" }, { type: "succeeded" }] as const;
  await registry.record((record) => journalAppend(record, operationId, entries, fencingToken));
}

async function target(registry: Registry) {
  const { tenant, plane, target } = await addTarget(registry, "acme");
  const { targetId, stackName } = target;
  const facts = { tenantId: tenant.tenantId, targetId, planeName: plane.name };
  return {
    stack: { targetId, stackName },
    /** Another operation of it, held by a process called "owner". */
    async claimed(): Promise<Owner> {
      const { operationId } = await registry.change(context, (change) =>
        operationCreate(change, { kind: "tenant_deploy", ...facts }),
      );
      const claim = await registry.record((record) => operationClaim(record, operationId, "owner", LEASE_MS));
      return { operationId, fencingToken: claim?.fencingToken ?? 0 };
    },
  };
}
