import { auditVerifyFile } from "./auditFile.ts";

/**
 * `node registry/verifyCommand.ts <registry.sqlite> [--json]`: is the audit trail whole? Exits 0 when it is, 1 when it is
 * not, 2 when it cannot be read. Needs no service and no key: whoever has the file can check it.
 */
const [file, ...flags] = process.argv.slice(2);
if (file === undefined || flags.some((flag) => flag !== "--json")) {
  console.error("Usage: node registry/verifyCommand.ts <registry.sqlite> [--json]");
  process.exitCode = 2;
} else {
  try {
    const verification = await auditVerifyFile(file);
    if (flags.includes("--json")) console.log(JSON.stringify(verification));
    else console.log(describe(verification).join("\n"));
    process.exitCode = verification.verified ? 0 : 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  }
}

function describe(verification: Awaited<ReturnType<typeof auditVerifyFile>>): string[] {
  const { verified, events, chains, breaks, fleetHead } = verification;
  const summary = `${events} events in ${chains} chains: ${verified ? "all verified" : `${breaks.length} broken`}`;
  const head = fleetHead === null ? [] : [`fleet head: ${fleetHead.sequence} ${fleetHead.hash}`];
  return [summary, ...breaks.map(({ chain, kind, message }) => `  ${chain}: ${kind}: ${message}`), ...head];
}
