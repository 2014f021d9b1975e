import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TestCloud } from "../support/localCloud.ts";
import { startTestCloud } from "../support/localCloud.ts";
import { connectProvider } from "./rawProvider.ts";
import type { TestStacks } from "./support.ts";
import { aws, createTestStacks } from "./support.ts";

const QUEUE = "aws:sqs/queue:Queue";

let cloud: TestCloud;
let stacks: TestStacks;

beforeAll(async () => {
  cloud = await startTestCloud();
  stacks = createTestStacks(() => cloud);
});
afterEach(() => cloud.request("DELETE", "/v1/faults"));
afterAll(async () => {
  stacks?.close();
  await cloud?.stop();
});

function queue(name: string, args: aws.sqs.QueueArgs = {}) {
  return async () => {
    new aws.sqs.Queue("jobs", { name, ...args });
  };
}

async function named(name: string) {
  return (await cloud.resources({ type: QUEUE })).filter((resource) => resource.name === name);
}

interface Fault {
  readonly faultId: string;
  readonly remaining: number;
  readonly hanging: number;
}

async function faults(): Promise<readonly Fault[]> {
  return (await cloud.request<{ faults: Fault[] }>("GET", "/v1/faults")).faults;
}

/** Until a call hangs in the fault. */
async function untilHanging(): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if ((await faults()).some((fault) => fault.hanging > 0)) return;
    await sleep(100);
  }
  throw new Error("No call ever reached the fault.");
}

describe("a fault of the local cloud", () => {
  it("fails a call before its effect, as often as asked, in the type's own words", async () => {
    const fault = {
      type: QUEUE,
      operation: "create",
      kind: "fail",
      code: "ServiceUnavailable",
      message: "Try later",
    };
    await cloud.fault({ ...fault, count: 1 });
    const stack = await stacks.stack("before", queue("before"));
    await expect(stack.up()).rejects.toThrow(
      /operation error SQS: CreateQueue, https response error StatusCode: 500, .*ServiceUnavailable: Try later/,
    );
    expect(await named("before")).toEqual([]);
    expect(await faults()).toEqual([]);
    expect((await stack.up()).summary.resourceChanges).toMatchObject({ create: 1 });
  });

  it("fails a call after its effect: the object is there and the caller does not know", async () => {
    await cloud.fault({ type: QUEUE, operation: "create", when: "after", kind: "fail" });
    const stack = await stacks.stack("after", queue("after"));
    await expect(stack.up()).rejects.toThrow(/InternalFailure/);
    expect(await named("after")).toHaveLength(1);
    const state = JSON.stringify(await stack.exportStack());
    expect(state).not.toContain("/after");
  });

  it("meets only the operation it names", async () => {
    await cloud.fault({ type: "*", operation: "delete", kind: "fail", code: "AccessDenied", message: "no" });
    const stack = await stacks.stack("operation", queue("operation"));
    await stack.up();
    await expect(stack.destroy()).rejects.toThrow(/deleting SQS Queue .*AccessDenied: no/);
    expect(await named("operation")).toHaveLength(1);
    await stack.destroy();
    expect(await named("operation")).toEqual([]);
  });

  it("holds calls until they are released", async () => {
    const faultId = await cloud.fault({ type: QUEUE, operation: "create", kind: "hang" });
    const stack = await stacks.stack("hang", queue("hang"));
    const up = stack.up();
    await untilHanging();
    expect(await named("hang")).toEqual([]);
    await cloud.request("POST", `/v1/faults/${faultId}/release`);
    expect((await up).summary.result).toBe("succeeded");
    expect(await named("hang")).toHaveLength(1);
  });

  it("lets go of a held call without effect when its caller goes away", async () => {
    await cloud.fault({ type: QUEUE, operation: "create", kind: "hang", count: 2 });
    const client = await connectProvider(cloud);
    const creation = client.create(QUEUE, "abandoned", { name: "abandoned" });
    await untilHanging();
    creation.cancel();
    await expect(creation.done).rejects.toThrow(/CANCELLED/);
    await cloud.request("DELETE", "/v1/faults");
    expect(await named("abandoned")).toEqual([]);
    client.close();
  });

  it("adds latency and counts down", async () => {
    await cloud.fault({ type: QUEUE, operation: "create", kind: "latency", latencyMs: 700, count: 2 });
    const startedAtMs = Date.now();
    const stack = await stacks.stack("latency", queue("latency"));
    await stack.up();
    expect(Date.now() - startedAtMs).toBeGreaterThanOrEqual(700);
    expect((await faults())[0]?.remaining).toBe(1);
  });

  it("refuses a fault it does not understand", async () => {
    await expect(cloud.fault({ type: QUEUE, kind: "explode" })).rejects.toThrow(/422 invalid/);
    await expect(cloud.request("POST", "/v1/faults/none/release")).rejects.toThrow(/404 not_found/);
    // It would be armed for ever and meet nothing.
    await expect(cloud.fault({ type: "aws:sqs/Queue:queue", kind: "fail" })).rejects.toThrow(
      /422 unknown_type/,
    );
    expect(await faults()).toEqual([]);
  });
});

describe("the profile of the local cloud", () => {
  it("delays every call and throttles as AWS's SDK would wait", async () => {
    const profile = await cloud.request<Record<string, unknown>>("GET", "/v1/profile");
    await cloud.request("PUT", "/v1/profile", { ...profile, throttle: { perSecond: 10, maxWaitMs: 60_000 } });
    const stack = await stacks.stack("throttled", async () => {
      for (let index = 0; index < 15; index += 1) new aws.sqs.Queue(`jobs${index}`, {});
    });
    const startedAtMs = Date.now();
    await stack.up();
    expect(Date.now() - startedAtMs).toBeGreaterThanOrEqual(1_400);
    await cloud.request("PUT", "/v1/profile", { ...profile, throttle: { perSecond: 1, maxWaitMs: 0 } });
    await expect(stack.destroy()).rejects.toThrow(/ThrottlingException: Rate exceeded/);
    await cloud.request("PUT", "/v1/profile", profile);
    await stack.destroy();
  });
});
