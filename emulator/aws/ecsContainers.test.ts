import { describe, expect, test } from "vitest";
import { UNKNOWN } from "../values.ts";
import { isFargateSize, parseContainers, taskDefinitionFault } from "./ecsContainers.ts";

const fargate = {
  requiresCompatibilities: ["FARGATE"],
  networkMode: "awsvpc",
  cpu: "256",
  memory: "512",
};
const app = { name: "app", image: "example/app:1" };

describe("Fargate sizes", () => {
  test.each([
    [256, 512],
    [512, 4096],
    [1024, 3072],
    [4096, 30_720],
    [16_384, 122_880],
  ])("%i CPU units take %i MiB", (cpu, memory) => {
    expect(isFargateSize(cpu, memory)).toBe(true);
  });
  test.each([
    [256, 4096],
    [512, 512],
    [1024, 2500],
    [300, 512],
    [32_768, 122_880],
  ])("%i CPU units refuse %i MiB", (cpu, memory) => {
    expect(isFargateSize(cpu, memory)).toBe(false);
  });
});

test("a usual Fargate task passes, also while its role is unknown", () => {
  const logged = { ...app, logConfiguration: { logDriver: "awslogs" } };
  expect(taskDefinitionFault(fargate, [app])).toBeUndefined();
  expect(taskDefinitionFault({ ...fargate, executionRoleArn: UNKNOWN }, [logged])).toBeUndefined();
});

test.each([
  [fargate, [], "cannot be empty"],
  [fargate, [{ name: "app" }], "image should not be null"],
  [fargate, [{ image: "x" }], "name should not be null"],
  [fargate, [app, app], "Duplicate"],
  [fargate, [{ ...app, essential: false }], "essential"],
  [{ ...fargate, networkMode: "bridge" }, [app], "network mode"],
  [{ ...fargate, memory: "600" }, [app], "No Fargate configuration exists"],
  [{ ...fargate, cpu: undefined }, [app], "'cpu' be defined"],
  [fargate, [{ ...app, memory: 1024 }], "must not exceed"],
  [fargate, [{ ...app, logConfiguration: { logDriver: "awslogs" } }], "execution role"],
  [fargate, [{ ...app, secrets: [{ name: "A", valueFrom: "arn" }] }], "executionRoleArn"],
])("%o with %o: %s", (inputs, containers, fault) => {
  expect(taskDefinitionFault(inputs, containers)).toContain(fault);
});

test("containers are a list of objects or nothing", () => {
  expect(parseContainers(UNKNOWN)).toBe("unknown");
  expect(parseContainers("[{}]")).toEqual([{}]);
  expect(parseContainers("{}")).toBeUndefined();
  expect(parseContainers("[1")).toBeUndefined();
});
