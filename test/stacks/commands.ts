import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../../script/pulumi", import.meta.url));

/** Runs script/pulumi as a user does; resolves with what it printed, rejects when it fails. */
export async function scriptPulumi(dataDir: string, ...args: readonly string[]): Promise<string> {
  const child = spawn(SCRIPT, [...args, "--non-interactive"], {
    env: { ...process.env, TENANTRY_DATA: dataDir, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += String(chunk);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code === 0) return output;
  throw new Error(`script/pulumi ${args.join(" ")} ended with ${code}\n${output}`);
}
