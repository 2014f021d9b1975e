import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestCloud } from "../support/localCloud.ts";
import { startTestCloud } from "../support/localCloud.ts";
import type { TestStacks } from "./support.ts";
import { aws, createTestStacks } from "./support.ts";

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

const QUEUE = "aws:sqs/queue:Queue";

describe("a stack on the local cloud", () => {
  it("is created, updated, refreshed and destroyed", async () => {
    const program = (args: aws.sqs.QueueArgs) => async () => {
      const jobs = new aws.sqs.Queue("jobs", args);
      return { url: jobs.url, arn: jobs.arn, name: jobs.name };
    };
    const stack = await stacks.stack("life", program({ tags: { team: "a" } }));
    const created = await stack.up();
    expect(created.summary.resourceChanges).toEqual({ create: 2 });
    const name = created.outputs.name?.value;
    expect(name).toMatch(/^jobs-[0-9a-f]{7}$/);
    expect(created.outputs.arn?.value).toMatch(new RegExp(`^arn:aws:sqs:eu-west-1:\\d{12}:${name}$`));

    const again = await stack.up();
    expect(again.summary.resourceChanges).toEqual({ same: 2 });
  });
});
