import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseDeployment, pendingOperations } from "./deployment.ts";
import {
  createMemoryNotes,
  handInNotes,
  type Interrupted,
  interruptedOf,
  leaveNotes,
  withNotes,
} from "./interrupted.ts";
import type { StateStore } from "./stateStore.ts";

const KEY = "aws:kms/key:Key";
const target = { projectName: "tenant-a", stackName: "dev-1" };

function call(name: string, type: Interrupted["type"] = "creating"): Interrupted {
  const urn = `urn:pulumi:dev-1::tenant-a::${KEY}::${name}`;
  return { type, resource: { urn, type: KEY, inputs: { name } } };
}

describe("what a run was never told", () => {
  const failed = (op: string, message: string, tags?: Record<string, string>) => {
    const urn = call("key").resource.urn;
    const inputs = {
      description: "tenant's",
      policy: "[secret]",
      ...(tags && { tags }),
    };
    const wanted = { inputs, outputs: {}, id: "an-id", parent: "urn:parent" };
    return interruptedOf({
      failed: [{ urn, op, type: KEY, new: wanted, provider: "urn:provider::id" }],
      diagnostics: [{ urn, message, severity: "error" }],
    } as never);
  };

  it("is a creation or an update that broke off, without what is secret", () => {
    const sent = { type: KEY, inputs: { description: "tenant's" }, parent: "urn:parent" };
    expect(failed("create", "error reading from server: EOF")).toEqual([
      { type: "creating", resource: expect.objectContaining(sent) },
    ]);
    expect(failed("create", "error reading from server: EOF")[0]?.resource).not.toHaveProperty("id");
    expect(failed("update", "connection reset by peer")).toEqual([
      { type: "updating", resource: expect.objectContaining({ id: "an-id" }) },
    ]);
  });

  const ours = { "tenantry:tenant-id": "a" };
  it.each([
    "operation error IAM: CreateRole, StatusCode: 409, RequestID: r, EntityAlreadyExists: Role with name a already exists.",
    "operation error ECS: CreateService, InvalidParameterException: Creation of service was not idempotent.",
    "operation error EC2: CreateSecurityGroup, api error InvalidGroup.Duplicate: The security group 'a' already exists",
    "operation error Secrets Manager: CreateSecret, ResourceExistsException: the secret a already exists.",
    "ELBv2 Load Balancer (a) already exists",
    "operation error Elastic Load Balancing v2: CreateRule, PriorityInUse: Priority '10' is currently in use",
  ])("is a creation that was refused because of an object that may be the tenant's own: %s", (message) => {
    expect(failed("create", message, ours)).toMatchObject([
      { type: "refused", resource: { inputs: { tags: ours } } },
    ]);
    expect(failed("create", message)).toEqual([]);
    expect(failed("create-replacement", message, ours)).toEqual([]);
  });

  it("is nothing that was answered, or that leaves no object unknown", () => {
    expect(failed("create", "AccessDenied: not authorized")).toEqual([]);
    expect(failed("delete", "error reading from server: EOF")).toEqual([]);
  });
});

describe("the notes of a run", () => {
  let runDir = "";
  beforeEach(async () => {
    runDir = await mkdtemp(join(tmpdir(), "tenantry-notes-"));
  });
  afterEach(() => rm(runDir, { recursive: true, force: true }));

  it("go from its folder to where they are kept, once", async () => {
    const notes = createMemoryNotes();
    await handInNotes(runDir, target, notes);
    expect(await notes.read(target)).toEqual([]);
    await leaveNotes(runDir, [call("key")]);
    await handInNotes(runDir, target, notes);
    expect(await notes.read(target)).toEqual([call("key")]);
    expect(await readdir(runDir)).toEqual([]);
    await notes.forget(target);
    await handInNotes(runDir, target, notes);
    expect(await notes.read(target)).toEqual([]);
  });

  it("stay in its folder when they are not taken, for whoever settles the run", async () => {
    await leaveNotes(runDir, [call("key")]);
    const away = { ...createMemoryNotes(), add: () => Promise.reject(new Error("overtaken")) };
    await expect(handInNotes(runDir, target, away)).rejects.toThrow("overtaken");
    const notes = createMemoryNotes();
    await handInNotes(runDir, target, notes);
    expect(await notes.read(target)).toEqual([call("key")]);
  });

  it("make the state one that must be recovered, each resource once and beside what the state says itself", async () => {
    const notes = createMemoryNotes();
    await notes.add(target, [call("key"), call("address")]);
    await notes.add(target, [call("address", "updating"), call("late")]);
    const own = { type: "creating", resource: call("key").resource };
    const state = parseDeployment({ version: 3, deployment: { pending_operations: [own] } });
    const store = withNotes({ read: async () => state } as unknown as StateStore, notes);
    const read = await store.read(target);
    const pending = pendingOperations(read ?? state).map(({ kind, logicalName }) => `${kind} ${logicalName}`);
    expect(pending).toEqual(["creating key", "creating address", "creating late"]);
    await notes.forget(target);
    expect(await store.read(target)).toEqual(state);
    const other = { ...target, stackName: "dev-2" };
    expect(await notes.read(other)).toEqual([]);
  });
});
