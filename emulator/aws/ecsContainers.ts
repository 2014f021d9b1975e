/** What ECS refuses of a task definition's containers and sizes; pure. */
import type { Properties } from "../resourceType.ts";
import { isList, isObject, text, texts, UNKNOWN, type Value } from "../values.ts";

/** Memory in MiB for each Fargate CPU size: [smallest, largest, step]. 256 CPU units take three fixed sizes. */
const FARGATE_MEMORY: Readonly<Record<number, readonly [number, number, number]>> = {
  512: [1024, 4096, 1024],
  1024: [2048, 8192, 1024],
  2048: [4096, 16_384, 1024],
  4096: [8192, 30_720, 1024],
  8192: [16_384, 61_440, 4096],
  16384: [32_768, 122_880, 8192],
};
const SMALLEST_CPU = 256;
const SMALLEST_CPU_MEMORY: readonly number[] = [512, 1024, 2048];

export function isFargateSize(cpu: number, memoryMiB: number): boolean {
  if (cpu === SMALLEST_CPU) return SMALLEST_CPU_MEMORY.includes(memoryMiB);
  const range = FARGATE_MEMORY[cpu];
  if (range === undefined) return false;
  const [min, max, step] = range;
  return memoryMiB >= min && memoryMiB <= max && (memoryMiB - min) % step === 0;
}

export function isFargate(inputs: Properties): boolean {
  return texts(inputs, "requiresCompatibilities").includes("FARGATE");
}

/** The containers, "unknown" in a preview that cannot tell them, or undefined when the text is no list of objects. */
export function parseContainers(
  definition: Value | undefined,
): readonly Properties[] | "unknown" | undefined {
  if (definition === UNKNOWN) return "unknown";
  if (typeof definition !== "string") return undefined;
  try {
    const parsed: Value = JSON.parse(definition);
    return isList(parsed) && parsed.every(isObject) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** What RegisterTaskDefinition answers with its ClientException, or undefined. */
export function taskDefinitionFault(
  inputs: Properties,
  containers: readonly Properties[],
): string | undefined {
  return containersFault(containers) ?? (isFargate(inputs) ? fargateFault(inputs, containers) : undefined);
}

function containersFault(containers: readonly Properties[]): string | undefined {
  if (containers.length === 0) return "Container list cannot be empty.";
  const names = containers.map((container) => text(container, "name") ?? "");
  if (names.some((name) => name === "")) return "Container.name should not be null or empty.";
  if (names.some((name) => !/^[A-Za-z0-9_-]{1,255}$/.test(name)))
    return "Invalid 'name' setting for container.";
  if (new Set(names).size < names.length) return "Duplicate container name.";
  if (containers.some((container) => (text(container, "image") ?? "") === "")) {
    return "Container.image should not be null or empty.";
  }
  return containers.every((container) => container.essential === false)
    ? "At least one container should be essential."
    : undefined;
}

function fargateFault(inputs: Properties, containers: readonly Properties[]): string | undefined {
  const mode = inputs.networkMode;
  if (mode !== UNKNOWN && mode !== "awsvpc") return "Fargate only supports network mode ‘awsvpc’.";
  return (
    sizeFault(inputs) ?? containerSizeFault(inputs, containers) ?? executionRoleFault(inputs, containers)
  );
}

function sizeFault(inputs: Properties): string | undefined {
  if (inputs.cpu === undefined) return "Fargate requires that 'cpu' be defined at the task level.";
  if (inputs.memory === undefined) return "Fargate requires that 'memory' be defined at the task level.";
  const cpu = text(inputs, "cpu");
  const memory = text(inputs, "memory");
  if (cpu === undefined || memory === undefined || isFargateSize(Number(cpu), Number(memory)))
    return undefined;
  return `No Fargate configuration exists for given values: ${cpu} CPU, ${memory} memory. See the Amazon ECS documentation for the valid values.`;
}

function containerSizeFault(inputs: Properties, containers: readonly Properties[]): string | undefined {
  const total = (key: string) =>
    containers.reduce((sum, container) => sum + (typeof container[key] === "number" ? container[key] : 0), 0);
  if (total("cpu") > Number(text(inputs, "cpu") ?? Number.POSITIVE_INFINITY)) {
    return "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.";
  }
  const memory = Number(text(inputs, "memory") ?? Number.POSITIVE_INFINITY);
  const larger = containers.find(
    (container) => typeof container.memory === "number" && container.memory > memory,
  );
  if (larger === undefined) return undefined;
  return `Invalid 'memory' setting for container '${text(larger, "name")}'. It must not exceed the task's memory.`;
}

function executionRoleFault(inputs: Properties, containers: readonly Properties[]): string | undefined {
  if (inputs.executionRoleArn !== undefined) return undefined;
  if (containers.some((container) => isList(container.secrets) && container.secrets.length > 0)) {
    return "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.";
  }
  const driver = containers.map((container) => container.logConfiguration).find(isObject);
  if (driver === undefined || text(driver, "logDriver") !== "awslogs") return undefined;
  return "Fargate requires task definition to have execution role ARN to support log driver awslogs.";
}
