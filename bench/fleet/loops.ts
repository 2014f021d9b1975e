/** The same work without the service, on a sample of the same stacks: two plain loops, and the bare engine. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Engine } from "../../service/engine/engine.ts";
import { projectName, stackName } from "../../stacks/tenant/names.ts";
import { SERVICE_NAMES, type TenantSpec } from "../../stacks/tenant/spec.ts";
import { type Spent, spending } from "../cpu.ts";
import { secondsPerItem } from "../figures.ts";
import { createPlainWay } from "../plainWay.ts";
import { createShellLoop } from "./shellLoop.ts";

export interface LoopSpent {
  readonly changed: Spent;
  readonly unchanged: Spent;
  readonly drift: Spent;
}

/** Another version of all five images. */
export function nextRelease(spec: TenantSpec, version: number): TenantSpec {
  const services = SERVICE_NAMES.map((name) => {
    const service = spec.release.services[name];
    return [name, { ...service, image: service.image.replace(/:[^:]*$/, `:${version}.0.0`) }];
  });
  return { ...spec, release: { ...spec.release, number: version, services: Object.fromEntries(services) } };
}

export async function plainLoop(
  dataDir: string,
  env: Record<string, string>,
  specs: readonly TenantSpec[],
  version: number,
  atOnce: number,
): Promise<LoopSpent & { readonly preview: Spent }> {
  const scratchDir = await mkdtemp(join(tmpdir(), "tenantry-bench-plain-"));
  const way = createPlainWay({ scratchDir, env: { ...env, TENANTRY_EMULATOR_DATA: join(dataDir, "cloud") } });
  const each = (work: (spec: TenantSpec) => Promise<unknown>) =>
    spending(process.pid, () => secondsPerItem(specs, atOnce, work));
  try {
    const unchanged = await each((spec) => way.up(spec));
    const preview = await each((spec) => way.preview(nextRelease(spec, version)));
    const changed = await each((spec) => way.up(nextRelease(spec, version)));
    const drift = await each((spec) => way.drift(spec));
    return { changed, unchanged, drift, preview };
  } finally {
    await rm(scratchDir, { recursive: true, force: true });
  }
}

export async function shellLoop(
  dataDir: string,
  env: Record<string, string>,
  specs: readonly TenantSpec[],
  version: number,
  atOnce: number,
): Promise<LoopSpent> {
  const folder = await mkdtemp(join(tmpdir(), "tenantry-bench-shell-"));
  const loop = createShellLoop(folder, { ...env, TENANTRY_EMULATOR_DATA: join(dataDir, "cloud") }, atOnce);
  const next = specs.map((spec) => nextRelease(spec, version));
  try {
    const changed = await spending(process.pid, () => loop.up(next));
    const unchanged = await spending(process.pid, () => loop.up(next));
    const drift = await spending(process.pid, () => loop.drift(next));
    return { changed, unchanged, drift };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the engine alone takes for a previewed and checked change, and for a scan. */
export async function bareEngine(
  engine: Engine,
  specs: readonly TenantSpec[],
  version: number,
  atOnce: number,
): Promise<{ readonly changed: Spent; readonly drift: Spent }> {
  const each = (work: (spec: TenantSpec) => Promise<unknown>) =>
    spending(process.pid, () => secondsPerItem(specs, atOnce, work));
  const changed = await each(async (spec) => {
    const { digest } = await engine.preview(nextRelease(spec, version));
    await engine.up(nextRelease(spec, version), { expectedPlan: { digest } });
  });
  const drift = await each(({ tenant, plane, generation }) =>
    engine.drift({
      projectName: projectName(tenant.tenantId),
      stackName: stackName(plane.name, generation),
    }),
  );
  return { changed, drift };
}
