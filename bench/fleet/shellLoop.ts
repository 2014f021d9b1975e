import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { projectName, stackName } from "../../stacks/tenant/names.ts";
import type { TenantSpec } from "../../stacks/tenant/spec.ts";

/**
 * What somebody without this service writes: a project folder for each tenant, and `xargs -P` over `pulumi up` and `pulumi refresh --preview-only`. The program is
 * the tenant program itself, run by the Node language host; providers are started by each CLI.
 */
export interface ShellLoop {
  /** Brings all stacks to these specs; throws when one of them fails. */
  up(specs: readonly TenantSpec[]): Promise<void>;
  /** Compares the recorded with the actual state of stacks that are as these specs say; throws when one differs. */
  drift(specs: readonly TenantSpec[]): Promise<void>;
}

const here = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export function createShellLoop(folder: string, env: Record<string, string>, parallel: number): ShellLoop {
  const all = {
    ...process.env,
    ...env,
    PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true",
  };
  async function run(specs: readonly TenantSpec[], what: string): Promise<void> {
    // The SDK is looked for from the project upwards; it must be the one that the tenant program uses.
    await symlink(here("node_modules"), join(folder, "node_modules")).catch(() => {});
    for (const spec of specs) await writeProject(folder, spec);
    const one = `pulumi ${what} --non-interactive --stack "$(cat stack)" > run.log 2>&1`;
    const command = `cd "$0" && { ${one} || { tail -n 20 run.log >&2; exit 1; }; }`;
    const child = spawn("xargs", ["-P", String(parallel), "-I{}", "sh", "-c", command, "{}"], {
      env: all,
      stdio: ["pipe", "ignore", "inherit"],
    });
    child.stdin.end(specs.map((spec) => `${join(folder, spec.tenant.tenantId)}\n`).join(""));
    const [code] = (await once(child, "close")) as [number | null];
    if (code !== 0) throw new Error(`Cannot go on: a plain pulumi ${what} failed (xargs ended with ${code})`);
  }
  return {
    up: (specs) => run(specs, "up --yes"),
    drift: (specs) => run(specs, "refresh --preview-only --expect-no-changes"),
  };
}

async function writeProject(folder: string, spec: TenantSpec): Promise<void> {
  const project = projectName(spec.tenant.tenantId);
  const stack = stackName(spec.plane.name, spec.generation);
  const path = here("emulator/plugins");
  const files = {
    "Pulumi.yaml": JSON.stringify({
      name: project,
      runtime: { name: "nodejs", options: { typescript: false } },
      main: "index.ts",
      plugins: { providers: ["aws", "awsx"].map((name) => ({ name, path })) },
    }),
    "package.json": JSON.stringify({ type: "module" }),
    stack,
    "spec.json": JSON.stringify(spec),
    "index.ts": [
      'import { readFileSync } from "node:fs";',
      `import { tenantProgram } from ${JSON.stringify(here("stacks/tenant/program.ts"))};`,
      'const spec = JSON.parse(readFileSync(new URL("spec.json", import.meta.url), "utf8"));',
      `export const outputs = await tenantProgram(spec, ${JSON.stringify({ project, stack })})();`,
      "",
    ].join("\n"),
  };
  const dir = join(folder, spec.tenant.tenantId);
  await mkdir(dir, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text, { mode: 0o600 });
}
