/** The real Pulumi CLI on a local cloud, with inline programs. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as aws from "@pulumi/aws";
import type { PulumiFn, Stack } from "@pulumi/pulumi/automation/index.js";
import * as automation from "@pulumi/pulumi/automation/index.js";
import { ownConnections } from "../../service/engine/connections.ts";
import type { TestCloud } from "../support/localCloud.ts";

export type Program = PulumiFn;

export interface TestStacks {
  /** A new stack, or the same again with another program. */
  stack(name: string, program: Program, region?: string, project?: string): Promise<Stack>;
  close(): void;
}

export const REGION = "eu-west-1";

ownConnections();

export function createTestStacks(cloud: () => TestCloud): TestStacks {
  const folder = mkdtempSync(join(tmpdir(), "tenantry-pulumi-"));
  mkdirSync(join(folder, "state"));
  return {
    async stack(name, program, region = REGION, project = "emulator-test") {
      return automation.LocalWorkspace.createOrSelectStack(
        { stackName: name, projectName: project, program },
        {
          // Written as a file: a command of the CLI for each setting takes longer than many a run.
          stackSettings: { [name]: { config: { "aws:region": region } } },
          envVars: {
            ...cloud().providerEnv,
            PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
            PULUMI_CONFIG_PASSPHRASE: "test",
            PULUMI_HOME: join(folder, "home"),
            PULUMI_SKIP_UPDATE_CHECK: "1",
            PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "1",
            PULUMI_OPTION_SKIP_PLUGIN_PRE_INSTALL: "true",
            PULUMI_DIY_BACKEND_NO_LEGACY_WARNING: "1",
          },
        },
      );
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export { aws };
