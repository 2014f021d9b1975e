import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { ApiOperation } from "../api/description.ts";
import { EXIT, Failure, usageFailure } from "../exit.ts";
import type { Io } from "../io.ts";
import type { Typed } from "./request.ts";
import type { Session } from "./spec.ts";

/** Goes on when a person says yes. Without a terminal nobody can, so `--yes` must have said it. */
export async function confirm(question: string | undefined, yes: boolean, io: Io): Promise<void> {
  if (question === undefined || yes) return;
  if (!io.stdinIsTerminal || !io.stderrIsTerminal)
    throw usageFailure(`Cannot ask: standard input is no terminal. Add --yes to go on. (${question})`);
  const answer = await ask(`${question} Go on? [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new Failure(EXIT.failed, "Nothing was done.");
}

/** A decommissioning wants the slug typed again; in a terminal it is asked for, else it must be there. */
export async function typedSlug(operation: ApiOperation, typed: Typed, { io }: Session): Promise<Typed> {
  if (operation.id !== "tenantDecommission" || typed.confirm !== undefined || typed.file !== undefined)
    return typed;
  if (!io.stdinIsTerminal || !io.stderrIsTerminal)
    throw usageFailure("Cannot decommission without --confirm: it must be the tenant's slug, typed again.");
  return { ...typed, confirm: (await ask("Type the tenant's slug to decommission it: ")).trim() };
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

/** Like `ask`, but what is typed is not shown: somebody may be looking on, and terminals keep what they have shown. */
export async function askSecret(question: string): Promise<string> {
  process.stderr.write(question);
  const output = new Writable({ write: (_typed, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
  lines.on("SIGINT", () => {
    process.stderr.write("\n");
    process.exit(EXIT.interrupted);
  });
  try {
    return await lines.question("");
  } finally {
    lines.close();
    process.stderr.write("\n");
  }
}
