import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pulumiEnvironment } from "../../launcher/environment.ts";
import { ensureLocalCloud, stopLocalCloud } from "../../launcher/localCloud.ts";
import { createLocalCloudRuntime } from "../../service/cloud/localCloudRuntime.ts";
import { createEngine, type EngineOptions } from "../../service/engine/createEngine.ts";
import type { Engine, RecoverOptions, StackTarget } from "../../service/engine/engine.ts";
import { projectName, stackName } from "../../stacks/tenant/names.ts";
import type { TenantSpec } from "../../stacks/tenant/spec.ts";

/** A data folder with its own local cloud and an engine on it. */
export interface EngineWorld {
  readonly dataDir: string;
  readonly controlUrl: string;
  readonly engine: Engine;
  /** Asks the local cloud's control API; throws unless the answer is a success. */
  control(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Objects in the cloud that carry the tenant's tag. */
  cloudResources(tenantId: string): Promise<readonly CloudObject[]>;
  close(): Promise<void>;
}

export interface CloudObject {
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly state: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export async function openWorld(options: Partial<EngineOptions> = {}): Promise<EngineWorld> {
  const dataDir = await mkdtemp(join(tmpdir(), "tenantry-engine-"));
  const cloud = await ensureLocalCloud({ dataDir, idleExitMs: 10 * 60_000 });
  const engine = createEngine({ dataDir, workers: 2, environment: () => environmentOf(dataDir), ...options });
  const control = async (method: string, path: string, body?: unknown) => {
    // A cloud that was killed listens elsewhere when it is back.
    const { controlUrl } = await ensureLocalCloud({ dataDir });
    const response = await fetch(new URL(path, controlUrl), {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  };
  return {
    ...{ dataDir, controlUrl: cloud.controlUrl, engine, control },
    async cloudResources(tenantId) {
      const answer = await control("GET", `/v1/resources?tag.tenantry:tenant-id=${tenantId}`);
      return (answer as { resources: CloudObject[] }).resources;
    },
    async close() {
      await engine.close();
      await stopLocalCloud({ dataDir });
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** What the service gives its engine's runs. */
export async function environmentOf(dataDir: string): Promise<Record<string, string>> {
  const { providerEnv } = await ensureLocalCloud({ dataDir });
  return { ...pulumiEnvironment({ dataDir, cloud: "local" }), ...providerEnv };
}

/** How the service answers the engine's questions after an unclean end; `orphans` is asked for what nothing else tells of. */
export function recovery(
  world: EngineWorld,
  spec: TenantSpec,
  orphans: readonly string[] = [],
): RecoverOptions {
  const { tenantId } = spec.tenant;
  const { region, accountId } = spec.plane;
  const cloud = createLocalCloudRuntime({
    controlUrl: async () => (await ensureLocalCloud({ dataDir: world.dataDir })).controlUrl,
  });
  return {
    tenantId,
    place: { region, accountId },
    find: async (tags) => {
      const held = await cloud.listByTag({ region, tags });
      return held.filter(({ state }) => state === "present").map(({ arn }) => arn);
    },
    findOrphans: async () => orphans,
  };
}

export function targetOf(spec: TenantSpec): StackTarget {
  return {
    projectName: projectName(spec.tenant.tenantId),
    stackName: stackName(spec.plane.name, spec.generation),
  };
}
