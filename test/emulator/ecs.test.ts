import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestCloud } from "../support/localCloud.ts";
import { startTestCloud } from "../support/localCloud.ts";
import type { TestStacks } from "./support.ts";
import { aws, createTestStacks } from "./support.ts";

const STEADY_MS = 500;

let cloud: TestCloud;
let stacks: TestStacks;

beforeAll(async () => {
  cloud = await startTestCloud({ profile: { ecsSteadyMs: STEADY_MS } });
  stacks = createTestStacks(() => cloud);
});
afterAll(async () => {
  stacks?.close();
  await cloud?.stop();
});

interface Service {
  readonly arn: string;
  readonly name: string;
  readonly desiredCount: number;
  readonly runningCount: number;
  readonly pendingCount: number;
  readonly rolloutState: string;
  readonly healthy: boolean;
  readonly images: readonly string[];
  readonly tags: Record<string, string>;
  readonly reason?: string;
}

async function services(query: Record<string, string>): Promise<readonly Service[]> {
  const path = `/v1/ecs/services?${new URLSearchParams(query)}`;
  return (await cloud.request<{ services: Service[] }>("GET", path)).services;
}

interface ServiceOptions {
  readonly image?: string;
  readonly wait?: boolean;
  readonly createTimeout?: string;
}

function serviceProgram(name: string, options: ServiceOptions = {}) {
  return async () => {
    const cluster = new aws.ecs.Cluster("cluster", { name });
    const vpc = new aws.ec2.Vpc("vpc", { cidrBlock: "10.0.0.0/16" });
    const subnet = new aws.ec2.Subnet("subnet", { vpcId: vpc.id, cidrBlock: "10.0.0.0/24" });
    const task = new aws.ecs.TaskDefinition("task", {
      family: name,
      cpu: "256",
      memory: "512",
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      containerDefinitions: JSON.stringify([
        { name: "main", image: options.image ?? "app:1", essential: true },
      ]),
    });
    const service = new aws.ecs.Service(
      "service",
      {
        name,
        cluster: cluster.arn,
        taskDefinition: task.arn,
        desiredCount: 2,
        launchType: "FARGATE",
        networkConfiguration: { subnets: [subnet.id] },
        waitForSteadyState: options.wait ?? false,
        tags: { suite: name },
      },
      options.createTimeout === undefined ? {} : { customTimeouts: { create: options.createTimeout } },
    );
    return { arn: service.id };
  };
}

describe("an ECS service", () => {
  it("passes through pending tasks to a steady state", async () => {
    const profile = await cloud.request<object>("GET", "/v1/profile");
    await cloud.request("PUT", "/v1/profile", { ...profile, ecsSteadyMs: 600_000 });
    const stack = await stacks.stack("steady", serviceProgram("steady"));
    await stack.up();
    const [early] = await services({ cluster: "steady" });
    expect(early).toMatchObject({
      runningCount: 0,
      pendingCount: 2,
      rolloutState: "IN_PROGRESS",
      healthy: true,
    });
    await cloud.request("PUT", "/v1/profile", profile);
    await sleep(STEADY_MS);
    const [late] = await services({ "tag.suite": "steady" });
    expect(late).toMatchObject({
      runningCount: 2,
      pendingCount: 0,
      rolloutState: "COMPLETED",
      images: ["app:1"],
    });
  });

  it("is steady before the run ends when the program waits", async () => {
    const stack = await stacks.stack("waits", serviceProgram("waits", { wait: true }));
    await stack.up();
    const [service] = await services({ cluster: "waits" });
    expect(service).toMatchObject({ runningCount: 2, rolloutState: "COMPLETED" });

    stack.workspace.program = serviceProgram("waits", { wait: true, image: "app:2" });
    await stack.up();
    const [updated] = await services({ cluster: "waits" });
    expect(updated).toMatchObject({ rolloutState: "COMPLETED", images: ["app:2"] });
  });

  it("stays in state with its reason when it is not steady in time, and recovers on the next run", async () => {
    const profile = await cloud.request<object>("GET", "/v1/profile");
    await cloud.request("PUT", "/v1/profile", { ...profile, ecsSteadyMs: 600_000 });
    const program = serviceProgram("late", { wait: true, createTimeout: "1s" });
    const stack = await stacks.stack("late", program);
    await expect(stack.up()).rejects.toThrow(/timeout while waiting for state to become/);
    const state = await stack.exportStack();
    const resources: { type: string; id?: string; initErrors?: string[] }[] = state.deployment.resources;
    const recorded = resources.find((resource) => resource.type === "aws:ecs/service:Service");
    expect(recorded?.id).toMatch(/:service\/late\/late$/);
    expect(recorded?.initErrors?.[0]).toMatch(/waiting for ECS Service/);

    await cloud.request("PUT", "/v1/profile", profile);
    await stack.up();
    expect(await services({ cluster: "late" })).toHaveLength(1);
  });

  it("can be made unhealthy and healthy again", async () => {
    const stack = await stacks.stack("ill", serviceProgram("ill", { wait: true }));
    const arn = (await stack.up()).outputs.arn?.value;
    await cloud.request("POST", "/v1/ecs/services/health", {
      arn,
      healthy: false,
      reason: "port 8080 refused",
    });
    expect(await services({ cluster: "ill" })).toEqual([
      expect.objectContaining({ healthy: false, runningCount: 0, reason: "port 8080 refused" }),
    ]);
    await cloud.request("POST", "/v1/ecs/services/health", { arn, healthy: true });
    await sleep(STEADY_MS);
    expect(await services({ cluster: "ill" })).toEqual([
      expect.objectContaining({ healthy: true, runningCount: 2 }),
    ]);
    await expect(
      cloud.request("POST", "/v1/ecs/services/health", { arn: "arn:none", healthy: false }),
    ).rejects.toThrow(/404 not_found/);
  });

  it("does not come to run with an image whose registry cannot exist, until it gets another", async () => {
    const stack = await stacks.stack("pull", serviceProgram("pull", { image: "registry.invalid/app:2" }));
    await stack.up();
    expect(await services({ cluster: "pull" })).toEqual([
      expect.objectContaining({
        healthy: false,
        runningCount: 0,
        reason: expect.stringMatching(/^CannotPullContainerError: .*registry\.invalid\/app:2/),
      }),
    ]);
    stack.workspace.program = serviceProgram("pull", { image: "app:1", wait: true });
    await stack.up();
    expect(await services({ cluster: "pull" })).toEqual([
      expect.objectContaining({ healthy: true, runningCount: 2, images: ["app:1"] }),
    ]);
  });

  it("must be named by its ARN where two clusters have one of its name", async () => {
    const twins = async () => {
      const task = new aws.ecs.TaskDefinition("task", {
        family: "twin",
        containerDefinitions: JSON.stringify([{ name: "app", image: "app:1", memory: 128, essential: true }]),
      });
      for (const side of ["left", "right"]) {
        const cluster = new aws.ecs.Cluster(side, { name: side });
        new aws.ecs.Service(side, {
          name: "twin",
          cluster: cluster.arn,
          taskDefinition: task.arn,
          desiredCount: 1,
        });
      }
      return {};
    };
    await (await stacks.stack("twins", twins)).up();
    const makeIll = (arn: string) =>
      cloud.request("POST", "/v1/ecs/services/health", { arn, healthy: false });
    for (const side of ["left", "right"]) {
      await expect(makeIll("twin")).rejects.toThrow(new RegExp(`409 ambiguous.*service/${side}/twin`));
    }
    const [right] = await services({ cluster: "right" });
    await makeIll(right?.arn ?? "");
    expect(await services({ cluster: "right" })).toEqual([expect.objectContaining({ healthy: false })]);
    expect(await services({ cluster: "left" })).toEqual([expect.objectContaining({ healthy: true })]);
  });

  it("dangles in neither direction", async () => {
    const stack = await stacks.stack("dangling", async () => {
      new aws.ecs.Service("service", {
        name: "orphan",
        cluster: "arn:aws:ecs:eu-west-1:123456789012:cluster/none",
        taskDefinition: "none:1",
      });
    });
    await expect(stack.up()).rejects.toThrow(/ClusterNotFoundException|ClientException/);
    const owner = await stacks.stack("owner", serviceProgram("owner"));
    await owner.up();
    const cluster = (await cloud.resources({ type: "aws:ecs/cluster:Cluster" })).find(
      ({ name }) => name === "owner",
    );
    const holder = await stacks.stack("holder", async () => {
      new aws.ecs.Cluster("cluster", { name: "owner" }, { import: cluster?.id ?? "" });
    });
    await holder.up();
    await expect(holder.destroy()).rejects.toThrow(/ClusterContainsServicesException/);
  });
});
