import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePlaneConfig } from "../../stacks/plane/config.ts";
import { parsePlaneOutputs } from "../../stacks/plane/outputs.ts";
import { planeProgram } from "../../stacks/plane/program.ts";
import { tenantProgram } from "../../stacks/tenant/program.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import type { TestCloud } from "../support/localCloud.ts";
import { startTestCloud } from "../support/localCloud.ts";
import type { Program, TestStacks } from "./support.ts";
import { createTestStacks } from "./support.ts";

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

/** What a refresh would change: nothing, right after an update. */
async function drift(stack: Stack): Promise<readonly string[]> {
  const found: string[] = [];
  await stack.previewRefresh({
    onEvent(event: EngineEvent) {
      const metadata = event.resOutputsEvent?.metadata;
      if (metadata === undefined || metadata.op === "same") return;
      found.push(`${metadata.op} ${metadata.urn} ${Object.keys(metadata.detailedDiff ?? {}).join(" ")}`);
    },
  });
  return found;
}

async function unchanged(stack: Stack): Promise<Record<string, number>> {
  const { resourceChanges } = (await stack.up()).summary;
  const { same: _, ...others } = resourceChanges ?? {};
  return others;
}

describe("the project's own stacks on the local cloud", () => {
  it("are made, stay the same, show no drift, and go without a trace", async () => {
    const config = parsePlaneConfig("dev", {
      environment: "dev",
      domain: "dev.tenants.example",
      aws: { region: "eu-west-1" },
      router: { image: "router:1" },
    });
    const plane = await stacks.stack("dev", async () => ({ ...(await planeProgram(config)) }));
    const outputs = (await plane.up()).outputs;
    const values = Object.fromEntries(Object.entries(outputs).map(([key, output]) => [key, output.value]));
    expect(await unchanged(plane)).toEqual({});
    expect(await drift(plane)).toEqual([]);
    const planeResources = (await cloud.resources()).length;

    const spec = tenantSpec({ plane: parsePlaneOutputs(values) });
    const identity = { project: `tenant-${spec.tenant.tenantId}`, stack: `${spec.plane.name}-1` };
    const program: Program = async () => ({ ...(await tenantProgram(spec, identity)()) });
    const tenant = await stacks.stack(identity.stack, program, spec.plane.region, identity.project);
    await tenant.up();
    expect((await cloud.resources()).length).toBeGreaterThan(planeResources + 30);
    expect(await unchanged(tenant)).toEqual({});
    expect(await drift(tenant)).toEqual([]);

    await tenant.destroy();
    expect((await cloud.resources()).length).toBe(planeResources);
    await plane.destroy();
    const left = (await cloud.resources()).filter((resource) => resource.state === "present");
    expect(left).toEqual([]);
  });
});
