/** Reads of a Pulumi deployment (what `stack export` prints). Pure: no backend, no process. */
import { z } from "zod";
import type { PendingOperation, RecordedResource } from "./engine.ts";
import { EngineError, resourceOf } from "./errors.ts";

export const STACK_TYPE = "pulumi:pulumi:Stack";

export const Resource = z.looseObject({
  urn: z.string(),
  type: z.string(),
  custom: z.boolean().optional(),
  id: z.string().optional(),
  delete: z.boolean().optional(),
  external: z.boolean().optional(),
  ignoreChanges: z.array(z.string()).optional(),
  inputs: z.record(z.string(), z.unknown()).optional(),
  outputs: z.record(z.string(), z.unknown()).optional(),
});
export type DeploymentResource = z.infer<typeof Resource>;

const Body = z.looseObject({
  resources: z.array(Resource).optional(),
  pending_operations: z.array(z.looseObject({ resource: Resource, type: z.string() })).optional(),
});

const Deployment = z.looseObject({
  /** 4 adds `features`, such as resource hooks; what is read here is the same in both. */
  version: z.union([z.literal(3), z.literal(4)]),
  /** Null is what the CLI says of a stack that was begun and never saved: a run was killed before its first checkpoint. */
  deployment: Body.nullable().transform((body) => body ?? {}),
});
export type Deployment = z.infer<typeof Deployment>;

/** Throws when it is not a version 3 or 4 deployment: a newer engine wrote it, and guessing would be dangerous. */
export function parseDeployment(value: unknown): Deployment {
  const parsed = Deployment.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new EngineError(
    "engine_failed",
    "Cannot read the stack's state: it must be a version 3 or 4 deployment. Was it written by a newer Pulumi?",
    { cause: parsed.error },
  );
}

export function resourcesOf(deployment: Deployment): readonly DeploymentResource[] {
  return deployment.deployment.resources ?? [];
}

/** Resources other than the stack itself and providers. */
export function realResources(deployment: Deployment): readonly DeploymentResource[] {
  return resourcesOf(deployment).filter((resource) => !resource.type.startsWith("pulumi:"));
}

export function pendingOperations(deployment: Deployment): readonly PendingOperation[] {
  return (deployment.deployment.pending_operations ?? []).map(({ resource, type }) => ({
    ...resourceOf(resource.urn),
    kind: type,
  }));
}

/** Physical ids and ARNs of everything recorded. */
export function recordedIdentifiers(deployment: Deployment): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { id, outputs } of realResources(deployment)) {
    if (id) found.add(id);
    if (typeof outputs?.arn === "string") found.add(outputs.arn);
  }
  return found;
}

/** Of the stack's own: neither groups of resources nor what is only read. */
export function recordedResources(deployment: Deployment): readonly RecordedResource[] {
  return realResources(deployment)
    .filter(({ custom, external, id }) => custom === true && external !== true && id)
    .map(({ type, id = "", outputs }) => ({
      resourceType: type,
      name: typeof outputs?.arn === "string" ? outputs.arn : id,
    }));
}

/** By URN; only of resources that have any. */
export function ignoredPaths(deployment: Deployment): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    realResources(deployment).flatMap(({ urn, ignoreChanges = [] }) =>
      ignoreChanges.length > 0 ? [[urn, ignoreChanges]] : [],
    ),
  );
}

export function withoutPendingOperations(deployment: Deployment): Deployment {
  const { pending_operations: _dropped, ...rest } = deployment.deployment;
  return { ...deployment, deployment: rest };
}

/** The stack's outputs with secrets masked. */
export function stackOutputs(deployment: Deployment): Record<string, unknown> {
  const stack = resourcesOf(deployment).find((resource) => resource.type === STACK_TYPE);
  return (maskSecrets(stack?.outputs ?? {}) ?? {}) as Record<string, unknown>;
}

/** How Pulumi marks a special value in JSON, and which mark means "secret". */
const SIGNATURE_KEY = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";

export function maskSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskSecrets);
  if (typeof value !== "object" || value === null) return value;
  const record = value as Record<string, unknown>;
  if (record[SIGNATURE_KEY] === SECRET_SIGNATURE) return "[secret]";
  return Object.fromEntries(Object.entries(record).map(([key, item]) => [key, maskSecrets(item)]));
}
