import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { journalList, LeaseLostError } from "../../registry/journal.ts";
import { operationClaim } from "../../registry/operationLease.ts";
import type { Engine, RunHooks } from "../../service/engine/engine.ts";
import { EngineError } from "../../service/engine/errors.ts";
import type { InterruptedNotes } from "../../service/engine/interrupted.ts";
import { projectName, stackName } from "../../stacks/tenant/names.ts";
import type { TenantSpec } from "../../stacks/tenant/spec.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  ended,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

/** What an operation's runs leave unanswered is kept in the registry, for whichever process goes on. */
let service: TestService;
let settle: Engine["settle"];
let up: Engine["up"];
let recover: Engine["recover"];

beforeAll(async () => {
  service = await startTestService();
  ({ settle, up, recover } = service.world.engine);
  await createRelease(service, "1.0.0");
});
afterEach(() => void Object.assign(service.world.engine, { settle, up, recover }));
afterAll(() => service.stop());

const KEY = "aws:kms/key:Key";
const call = (name: string) => {
  const resource = { urn: `urn:pulumi:dev::tenant::${KEY}::${name}`, type: KEY, custom: true };
  return { type: "creating" as const, resource };
};

const targetOf = (spec: TenantSpec) => ({
  projectName: projectName(spec.tenant.tenantId),
  stackName: stackName(spec.plane.name, spec.generation),
});

function notesOf(hooks: RunHooks | undefined): InterruptedNotes {
  if (hooks?.notes === undefined) throw new Error("an operation's run must be given notes");
  return hooks.notes;
}

const standStill = (hooks: RunHooks | undefined) =>
  new Promise<never>((_, reject) => {
    hooks?.signal?.addEventListener("abort", () => reject(new EngineError("cancelled", "told to stop")));
  });

async function activation(slug: string): Promise<string> {
  const tenantId = await createTenant(service, slug);
  const { body } = await service.call("POST", `${controlPlane}/tenants/${tenantId}/activate`, { body: {} });
  return body.operations[0].operationId;
}

const kept = () =>
  service.registry().read((db) => db.selectFrom("interruptedCalls").select(["urn", "operationId"]).execute());

it("the next try reads it, and so does another process, which takes what the first's run still left, too", async () => {
  const read: string[][] = [];
  const runIds: (string | undefined)[] = [];
  const settled: string[] = [];
  const fakes: Partial<Engine> = {
    async up(spec, hooks) {
      const [notes, target] = [notesOf(hooks), targetOf(spec)];
      read.push((await notes.read(target)).map(({ resource }) => resource.urn.split("::").at(-1) ?? ""));
      runIds.push(hooks?.runId);
      if (read.length === 1) {
        await notes.add(target, [call("first")]);
        throw new EngineError("provider_unavailable", "the provider went away");
      }
      if (read.length === 2) return standStill(hooks);
      await notes.forget(target);
      return up(spec, hooks);
    },
    async settle(target, runId, notes) {
      settled.push(runId);
      // As a worker leaves it whose service was gone when its run ended.
      if (runId === runIds.at(-1)) await notes?.add(target, [call("second")]);
    },
  };
  Object.assign(service.world.engine, fakes);
  const operationId = await activation("unanswered");
  await waitFor("the second try", async () => (read.length === 2 ? true : undefined));
  expect(await kept()).toEqual([{ urn: call("first").resource.urn, operationId }]);
  await service.restart();
  expect(await ended(service, operationId)).toMatchObject({ status: "succeeded" });
  expect(settled).toContain(runIds[1]);
  expect(read).toEqual([[], ["first"], ["first", "second"]]);
  expect(await kept()).toEqual([]);
});

it("a creation that was refused for an object of a run that was lost is tried again when the object is taken over", async () => {
  let tries = 0;
  const looked: string[][] = [];
  const fakes: Partial<Engine> = {
    async up(spec, hooks) {
      tries += 1;
      if (tries > 1) return up(spec, hooks);
      await notesOf(hooks).add(targetOf(spec), [{ ...call("first"), type: "refused" }]);
      throw new EngineError("provider_failed", "Cannot create a key: it exists");
    },
    async recover(target, options, hooks) {
      const notes = await notesOf(hooks).read(target);
      looked.push(notes.map(({ type, resource }) => `${type} ${resource.urn.split("::").at(-1)}`));
      await notesOf(hooks).forget(target);
      return { ...(await recover(target, options, hooks)), adopted: [call("first").resource.urn] };
    },
  };
  Object.assign(service.world.engine, fakes);
  const operationId = await activation("refused");
  expect(await ended(service, operationId)).toMatchObject({ status: "succeeded" });
  expect({ tries, looked }).toEqual({ tries: 2, looked: [["refused first"]] });
  const journal = await service.registry().read((db) => journalList(db, operationId, 0, 100));
  expect(journal.find(({ type }) => type === "step_failed")).toMatchObject({
    data: { code: "created_already", again: true },
  });
  expect(await kept()).toEqual([]);
});

it("an owner who was overtaken notes and forgets nothing", async () => {
  const owner = Promise.withResolvers<{ notes: InterruptedNotes; target: ReturnType<typeof targetOf> }>();
  Object.assign(service.world.engine, {
    async up(spec: TenantSpec, hooks?: RunHooks) {
      owner.resolve({ notes: notesOf(hooks), target: targetOf(spec) });
      return standStill(hooks);
    },
  } satisfies Partial<Engine>);
  const operationId = await activation("overtaken");
  const { notes, target } = await owner.promise;
  await notes.add(target, [call("before")]);
  const holder = await service
    .registry()
    .read((db) =>
      db
        .selectFrom("operations")
        .select("leaseOwner")
        .where("operationId", "=", operationId)
        .executeTakeFirstOrThrow(),
    );
  const taken = await service
    .registry()
    .record((record) => operationClaim(record, operationId, "successor", 600_000, holder.leaseOwner));
  expect(taken).toBeDefined();
  await expect(notes.add(target, [call("after")])).rejects.toThrow(LeaseLostError);
  await expect(notes.forget(target)).rejects.toThrow(LeaseLostError);
  expect(await kept()).toEqual([{ urn: call("before").resource.urn, operationId }]);
});
