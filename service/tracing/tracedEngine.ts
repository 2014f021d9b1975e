import type { Engine, RunHooks, StackTarget } from "../engine/engine.ts";
import { inSpan, noTracing, type Tracing } from "./tracing.ts";

/** An engine whose runs are spans, so that a trace shows how much of a step was Pulumi. */
export function tracedEngine(engine: Engine, tracing: Tracing): Engine {
  if (tracing === noTracing) return engine;
  const traced = <T>(method: string, stack: string, hooks: RunHooks | undefined, run: () => Promise<T>) => {
    const attributes = { "tenantry.engine.run_id": hooks?.runId, "tenantry.stack": stack };
    return inSpan(tracing, `engine ${method}`, { attributes }, run);
  };
  const ofSpec = (spec: { tenant: { tenantId: string }; plane: { name: string }; generation: number }) =>
    `tenant-${spec.tenant.tenantId}/${spec.plane.name}-${spec.generation}`;
  const ofTarget = ({ projectName, stackName }: StackTarget) => `${projectName}/${stackName}`;
  return {
    ...engine,
    preview: (spec, hooks) => traced("preview", ofSpec(spec), hooks, () => engine.preview(spec, hooks)),
    previewRepair: (spec, hooks) =>
      traced("preview_repair", ofSpec(spec), hooks, () => engine.previewRepair(spec, hooks)),
    up: (spec, hooks) => traced("up", ofSpec(spec), hooks, () => engine.up(spec, hooks)),
    repair: (spec, hooks) => traced("repair", ofSpec(spec), hooks, () => engine.repair(spec, hooks)),
    drift: (target, hooks) => traced("drift", ofTarget(target), hooks, () => engine.drift(target, hooks)),
    destroy: (target, hooks) =>
      traced("destroy", ofTarget(target), hooks, () => engine.destroy(target, hooks)),
    recover: (target, options, hooks) =>
      traced("recover", ofTarget(target), hooks, () => engine.recover(target, options, hooks)),
  };
}
