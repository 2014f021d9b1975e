import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestCloud } from "../support/localCloud.ts";
import { startTestCloud } from "../support/localCloud.ts";
import type { TestStacks } from "./support.ts";
import { aws, createTestStacks } from "./support.ts";

const QUEUE = "aws:sqs/queue:Queue";

let cloud: TestCloud;
let stacks: TestStacks;

beforeAll(async () => {
  cloud = await startTestCloud();
  stacks = createTestStacks(() => cloud);
});
afterAll(async () => {
  stacks?.close();
  await cloud?.stop();
});

function program(args: aws.sqs.QueueArgs, logicalName = "jobs") {
  return async () => {
    const queue = new aws.sqs.Queue(logicalName, args);
    return { id: queue.id, url: queue.url, arn: queue.arn, name: queue.name, tags: queue.tagsAll };
  };
}

/** What a refresh would change, per resource name: the operation and the property paths. */
async function drift(stack: Awaited<ReturnType<TestStacks["stack"]>>) {
  const found: Record<string, { op: string; paths: string[] }> = {};
  await stack.previewRefresh({
    onEvent(event: EngineEvent) {
      const metadata = event.resOutputsEvent?.metadata;
      if (metadata === undefined || metadata.op === "same") return;
      const name = metadata.urn.split("::").at(-1) ?? "";
      found[name] = { op: metadata.op, paths: Object.keys(metadata.detailedDiff ?? {}).sort() };
    },
  });
  return found;
}

describe("a stack on the local cloud", () => {
  it("is created with AWS's shapes, stays the same when nothing changed, and updates in place", async () => {
    const stack = await stacks.stack("life", program({ tags: { team: "a" } }));
    const created = await stack.up();
    expect(created.summary.resourceChanges).toEqual({ create: 2 });
    const name = created.outputs.name?.value;
    expect(name).toMatch(/^jobs-[0-9a-f]{7}$/);
    expect(created.outputs.arn?.value).toMatch(new RegExp(`^arn:aws:sqs:eu-west-1:\\d{12}:${name}$`));
    expect(created.outputs.url?.value).toMatch(
      new RegExp(`^https://sqs\\.eu-west-1\\.amazonaws\\.com/\\d{12}/${name}$`),
    );

    expect((await stack.up()).summary.resourceChanges).toEqual({ same: 2 });

    stack.workspace.program = program({ tags: { team: "b" }, visibilityTimeoutSeconds: 60 });
    const updated = await stack.up();
    expect(updated.summary.resourceChanges).toEqual({ same: 1, update: 1 });
    expect(updated.outputs.name?.value).toBe(name);
    const [stored] = await cloud.resources({ type: QUEUE, "tag.team": "b" });
    expect(stored?.properties.visibilityTimeoutSeconds).toBe(60);
  });

  it("replaces on a change AWS cannot make in place, with a new automatic name", async () => {
    const stack = await stacks.stack("replace", program({}));
    const before = (await stack.up()).outputs.name?.value;
    stack.workspace.program = program({ fifoQueue: true });
    const preview = await stack.preview();
    expect(preview.changeSummary).toMatchObject({ replace: 1 });
    const after = (await stack.up()).outputs.name?.value;
    expect(after).toMatch(/\.fifo$/);
    expect(after).not.toBe(before);
    const names = (await cloud.resources({ type: QUEUE })).map((resource) => resource.name);
    expect(names).toContain(after);
    expect(names).not.toContain(before);
  });

  it("deletes first when the program chose the name, so that the name is free", async () => {
    const stack = await stacks.stack("rename", program({ name: "chosen.fifo", fifoQueue: true }));
    await stack.up();
    stack.workspace.program = async () => {
      new aws.sqs.Queue(
        "jobs",
        { name: "chosen.fifo", fifoQueue: true },
        { replaceOnChanges: ["delaySeconds"] },
      );
    };
    expect((await stack.up()).summary.resourceChanges).toEqual({ same: 2 });
    stack.workspace.program = async () => {
      const options = { replaceOnChanges: ["delaySeconds"], deleteBeforeReplace: false };
      new aws.sqs.Queue("jobs", { name: "chosen.fifo", fifoQueue: true, delaySeconds: 5 }, options);
    };
    await expect(stack.up()).rejects.toThrow(/creating SQS Queue \(chosen\.fifo\): .*QueueAlreadyExists/);
  });

  it("shows outputs as unknown while a create is previewed", async () => {
    let seen: unknown = "not run";
    const stack = await stacks.stack("unknown", async () => {
      const queue = new aws.sqs.Queue("jobs", { visibilityTimeoutSeconds: 7 });
      queue.visibilityTimeoutSeconds.apply((seconds) => {
        seen = seconds;
      });
      queue.arn.apply(() => {
        seen = "an ARN that nobody can know yet";
      });
    });
    await stack.preview();
    expect(seen).toBe(7);
  });

  it("reports a changed property by path, a deletion, and repairs both", async () => {
    const stack = await stacks.stack("drift", async () => {
      const queues = ["one", "two", "three"].map(
        (name) => new aws.sqs.Queue(name, { delaySeconds: 3, tags: { team: name } }),
      );
      return { ids: queues.map((queue) => queue.id) };
    });
    const { outputs } = await stack.up();
    const [one, two]: readonly string[] = outputs.ids?.value ?? [];
    expect(await drift(stack)).toEqual({});

    await cloud.change(QUEUE, one ?? "", { delaySeconds: 9, tags: { intruder: "x" } });
    await cloud.remove(QUEUE, two ?? "");
    expect(await drift(stack)).toEqual({
      one: { op: "update", paths: ["delaySeconds", "tags.intruder"] },
      two: { op: "delete", paths: [] },
    });

    await stack.up({ refresh: true });
    expect(await drift(stack)).toEqual({});
    const repaired = await cloud.resources({ type: QUEUE, "tag.team": "one" });
    expect(repaired[0]?.properties.delaySeconds).toBe(3);
    expect(repaired[0]?.tags).toEqual({ team: "one" });
    expect(await cloud.resources({ type: QUEUE, "tag.team": "two" })).toHaveLength(1);
  });

  it("lets the program's ignoreChanges be", async () => {
    const ignoring = (delaySeconds: number) => async () => {
      new aws.sqs.Queue("jobs", { delaySeconds }, { ignoreChanges: ["delaySeconds"] });
    };
    const stack = await stacks.stack("ignore", ignoring(1));
    await stack.up();
    stack.workspace.program = ignoring(2);
    expect((await stack.up()).summary.resourceChanges).toEqual({ same: 2 });
  });

  it("adopts an existing object by its id", async () => {
    const first = await stacks.stack("owner", program({ name: "shared" }));
    const url = (await first.up()).outputs.url?.value;
    const second = await stacks.stack("adopter", async () => {
      const queue = new aws.sqs.Queue("adopted", { name: "shared" }, { import: url });
      return { arn: queue.arn };
    });
    const adopted = await second.up();
    expect(adopted.summary.resourceChanges).toEqual({ create: 1, import: 1 });
    expect(adopted.outputs.arn?.value).toMatch(/:shared$/);
  });

  it("keeps secret inputs secret in state", async () => {
    const { secret } = await import("@pulumi/pulumi");
    const stack = await stacks.stack("secret", async () => {
      new aws.secretsmanager.SecretVersion("value", {
        secretId: new aws.secretsmanager.Secret("box", { description: secret("hidden-7731") }).id,
        secretString: "hidden-8842",
      });
    });
    await stack.up();
    const state = JSON.stringify(await stack.exportStack());
    const marked =
      /\{"4dabf18193072939515e22adb298388d":"1b47061264138c4ac30d75fd1eb44270","plaintext":"[^}]*"\}/g;
    expect(state.match(marked)).toHaveLength(4);
    expect(state.replaceAll(marked, "")).not.toMatch(/hidden-7731|hidden-8842/);
    const listing = JSON.stringify(await cloud.resources());
    expect(listing).not.toContain("hidden-8842");
  });

  it("merges the provider's default tags and marks them in tagsAll", async () => {
    const stack = await stacks.stack("tags", async () => {
      const provider = new aws.Provider("tagged", {
        region: "eu-west-1",
        defaultTags: { tags: { owner: "platform", team: "none" } },
      });
      const queue = new aws.sqs.Queue("jobs", { tags: { team: "a" } }, { provider });
      return { tags: queue.tagsAll };
    });
    expect((await stack.up()).outputs.tags?.value).toEqual({ owner: "platform", team: "a" });
    expect((await stack.up()).summary.resourceChanges).toEqual({ same: 3 });
  });

  it("refuses what AWS refuses, in AWS's words, before anything is made", async () => {
    const stack = await stacks.stack("bad", program({ name: "no spaces please" }));
    await expect(stack.preview()).rejects.toThrow(/no spaces please/);
    const holder = await stacks.stack("holder", program({ name: "occupied" }));
    await holder.up();
    const taken = await stacks.stack("taken", program({ name: "occupied", delaySeconds: 7 }));
    await expect(taken.up()).rejects.toThrow(
      /creating SQS Queue \(occupied\): operation error SQS: CreateQueue, https response error StatusCode: 400, RequestID: [0-9a-f-]{36}, QueueAlreadyExists: /,
    );
  });

  it("keeps the name of a deleted secret and the key's material until their windows end", async () => {
    const secrets = async () => {
      new aws.secretsmanager.Secret("box", { name: "prod/box", recoveryWindowInDays: 7 });
      new aws.kms.Key("key", { deletionWindowInDays: 10, tags: { window: "ten" } });
    };
    const stack = await stacks.stack("window", secrets);
    await stack.up();
    await stack.destroy();
    const scheduled = (await cloud.resources()).filter(({ state }) => state === "scheduled_for_deletion");
    const days = scheduled.map(({ type, deletionAt }) => [
      type,
      Math.round((Date.parse(deletionAt ?? "") - Date.now()) / 86_400_000),
    ]);
    expect(Object.fromEntries(days)).toEqual({
      "aws:secretsmanager/secret:Secret": 7,
      "aws:kms/key:Key": 10,
    });
    await expect(stack.up()).rejects.toThrow(
      /InvalidRequestException: You can't create this secret because a secret with this name is already scheduled for deletion/,
    );
  });

  it("makes a hundred objects in one run", async () => {
    const stack = await stacks.stack("many", async () => {
      for (let index = 0; index < 100; index += 1)
        new aws.sqs.Queue(`jobs${index}`, { tags: { many: "yes" } });
    });
    expect((await stack.up()).summary.resourceChanges).toEqual({ create: 101 });
    expect(await cloud.resources({ "tag.many": "yes" })).toHaveLength(100);
    await stack.destroy();
    expect(await cloud.resources({ "tag.many": "yes" })).toEqual([]);
  });

  it("says clearly what it does not imitate", async () => {
    const stack = await stacks.stack("other", async () => {
      new aws.gamelift.Fleet("game", { ec2InstanceType: "c5.large" });
    });
    await expect(stack.preview()).rejects.toThrow(
      /Cannot imitate aws:gamelift\/fleet:Fleet: this resource type is not emulated/,
    );
  });

  it("leaves nothing behind when stacks are destroyed, also what was deleted before", async () => {
    const stack = await stacks.stack("gone", program({ name: "gone" }));
    const url = (await stack.up()).outputs.url?.value;
    await cloud.remove(QUEUE, url);
    expect((await stack.destroy()).summary.resourceChanges).toEqual({ delete: 2 });
    const names = (await cloud.resources()).map((resource) => resource.name);
    expect(names).not.toContain("gone");
  });
});
