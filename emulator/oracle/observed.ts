/** Runs cases on moto, in one Python process. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { REGION } from "../aws/testAccount.ts";
import type { Case, Outcome, Outcomes } from "./case.ts";

const PYTHON_TIMEOUT_MS = 120_000;
const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

export async function runOnMoto(python: string, cases: readonly Case[]): Promise<Outcomes> {
  const answer = await runScript(python, "observe.py", { region: REGION, cases });
  return new Map(Object.entries(answer as Record<string, Outcome>));
}

/** A script of this folder that reads JSON and prints JSON. */
export function runScript(python: string, script: string, input: unknown): Promise<unknown> {
  const file = fileURLToPath(new URL(`./${script}`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = execFile(
      python,
      [file],
      { timeout: PYTHON_TIMEOUT_MS, maxBuffer: OUTPUT_LIMIT_BYTES },
      (error, stdout, stderr) => {
        if (error === null) return resolve(JSON.parse(stdout));
        reject(new Error(`Cannot run ${script}: ${error.message}\n${stderr}`, { cause: error }));
      },
    );
    child.stdin?.end(JSON.stringify(input));
  });
}
