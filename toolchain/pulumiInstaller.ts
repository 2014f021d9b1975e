import { PulumiCommand } from "@pulumi/pulumi/automation/cmd.js";

/**
 * Run by pulumiCli.ts in a process of its own: `node pulumiInstaller.ts <folder>` installs the CLI of the SDK's own
 * version there. Asks first whether the installer's host answers at all, because behind a closed network the
 * installer itself would hang for minutes.
 */
const PROBE_TIMEOUT_MS = 8_000;

const folder = process.argv[2];
if (folder === undefined)
  throw new Error("Cannot install the Pulumi CLI: the argument must be a folder, got none");
try {
  await fetch("https://get.pulumi.com/install.sh", {
    method: "HEAD",
    signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
  });
} catch (error) {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  console.error(`Cannot reach get.pulumi.com: ${cause instanceof Error ? cause.message : String(cause)}`);
  process.exit(1);
}
await PulumiCommand.install({ root: folder });
