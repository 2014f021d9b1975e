import { createEngine } from "../service/engine/createEngine.ts";
import { projectName, stackName } from "../stacks/tenant/names.ts";
import type { TenantSpec } from "../stacks/tenant/spec.ts";

/** What both ways of driving Pulumi can do with a tenant. */
export interface Way {
  preview(spec: TenantSpec): Promise<unknown>;
  up(spec: TenantSpec): Promise<unknown>;
  drift(spec: TenantSpec): Promise<unknown>;
  destroy(spec: TenantSpec): Promise<unknown>;
  close(): Promise<void>;
}

export function createOurWay(options: {
  readonly dataDir: string;
  readonly env: Record<string, string>;
  readonly workers: number;
}): Way {
  const engine = createEngine({
    dataDir: options.dataDir,
    workers: options.workers,
    environment: async () => options.env,
  });
  return {
    preview: (spec) => engine.preview(spec),
    up: (spec) => engine.up(spec),
    drift: (spec) => engine.drift(targetOf(spec)),
    destroy: (spec) => engine.destroy({ ...targetOf(spec), tenantId: spec.tenant.tenantId }),
    close: () => engine.close(),
  };
}

function targetOf(spec: TenantSpec) {
  return {
    projectName: projectName(spec.tenant.tenantId),
    stackName: stackName(spec.plane.name, spec.generation),
  };
}
