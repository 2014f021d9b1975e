import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LocalWorkspace, type ProjectSettings, type Stack } from "@pulumi/pulumi/automation/index.js";
import { projectName, stackName } from "../stacks/tenant/names.ts";
import { tenantProgram } from "../stacks/tenant/program.ts";
import type { TenantSpec } from "../stacks/tenant/spec.ts";
import type { Way } from "./ways.ts";

const GIVEN: ReadonlySet<string> = new Set([
  "PULUMI_BACKEND_URL",
  "PULUMI_CONFIG_PASSPHRASE",
  "PULUMI_HOME",
  "TENANTRY_EMULATOR_DATA",
]);

/**
 * The Automation API as its documentation shows it: a workspace and createOrSelectStack per operation, setAllConfig,
 * then the operation, in this process; providers started by each CLI. Of this installation's settings it gets where the
 * state and its passphrase are, and none of the tuning. To be fair to it, it does not look for updates or plugins
 * on the network, which would add seconds to each operation on a machine without one.
 */
export function createPlainWay(options: {
  readonly scratchDir: string;
  readonly env: Record<string, string>;
}): Way {
  const envVars = {
    ...Object.fromEntries(Object.entries(options.env).filter(([name]) => GIVEN.has(name))),
    PULUMI_SKIP_UPDATE_CHECK: "1",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "1",
  };
  const withStack = async (spec: TenantSpec, work: (stack: Stack) => Promise<unknown>) => {
    const workDir = await mkdtemp(join(options.scratchDir, "plain-"));
    try {
      const stack = await openStack(spec, workDir, envVars);
      await stack.setAllConfig({
        "aws:region": { value: spec.provider.region },
        "tenantry:slug": { value: spec.tenant.slug },
      });
      await work(stack);
    } finally {
      await rm(workDir, { recursive: true, force: true });
    }
  };
  return {
    preview: (spec) => withStack(spec, (stack) => stack.preview()),
    up: (spec) => withStack(spec, (stack) => stack.up()),
    drift: (spec) => withStack(spec, (stack) => stack.previewRefresh()),
    destroy: (spec) =>
      withStack(spec, async (stack) => {
        await stack.destroy();
        await stack.workspace.removeStack(stack.name);
      }),
    close: async () => {},
  };
}

function openStack(spec: TenantSpec, workDir: string, envVars: Record<string, string>): Promise<Stack> {
  const identity = {
    project: projectName(spec.tenant.tenantId),
    stack: stackName(spec.plane.name, spec.generation),
  };
  const path = fileURLToPath(new URL("../emulator/plugins", import.meta.url));
  const projectSettings = {
    name: identity.project,
    runtime: "nodejs",
    // Missing in the SDK's type, but written through to Pulumi.yaml.
    plugins: { providers: ["aws", "awsx"].map((name) => ({ name, path })) },
  } as ProjectSettings;
  return LocalWorkspace.createOrSelectStack(
    { projectName: identity.project, stackName: identity.stack, program: tenantProgram(spec, identity) },
    { workDir, envVars, projectSettings },
  );
}
