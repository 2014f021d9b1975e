import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import type { Page } from "../contract/common.ts";
import type { Problem } from "../contract/errors.ts";
import type { ManifestResults } from "../contract/manifest.ts";
import { EXIT, exitCodeOf, problemText, resultsText } from "./manifestReport.ts";
import { jsonOf, serviceUrl } from "./serviceUrl.ts";

/**
 * script/manifest: a folder of YAML as the source of truth, from a terminal or a pipeline. Files are sent as they are; the service
 * reads and checks them, so that what it says here is what it says to everybody.
 */
const requestTimeoutMs = 300_000;
const pageSize = 100;

interface Flags {
  readonly json?: boolean;
  readonly dryRun?: boolean;
  readonly reason?: string;
  readonly output?: string;
}

/** What the service refused, or why it could not be asked. */
class Refused extends Error {}

async function call(path: string, request: RequestInit = {}): Promise<Response> {
  const { TENANTRY_API_KEY: key } = process.env;
  if (!key)
    throw new Refused("Cannot ask the service: TENANTRY_API_KEY must hold an API key, and is not set.");
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const signal = AbortSignal.timeout(requestTimeoutMs);
  const url = serviceUrl(`/v1/control-plane/manifests${path}`);
  const response = await fetch(url, {
    ...{ headers, signal },
    ...request,
  }).catch((cause: unknown) => {
    throw new Refused(`Cannot ask the service: ${url.origin} does not answer. TENANTRY_URL names another.`, {
      cause,
    });
  });
  if (!response.ok) throw new Refused(problemText((await jsonOf(response)) as Problem));
  return response;
}

/** YAML files as named, and those of folders in the order of their names, folders within them included. */
function filesOf(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const entry = statSync(path, { throwIfNoEntry: false });
    if (entry === undefined)
      throw new Refused(`Cannot read ${path}: it must be a file or a folder, and is not there.`);
    if (!entry.isDirectory()) return [path];
    const found = readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) =>
      /\.ya?ml$/.test(name),
    );
    if (found.length === 0)
      throw new Refused(`Cannot read ${path}: it must hold .yaml files, and holds none.`);
    return found.sort().map((name) => join(path, name));
  });
}

async function send(path: string, paths: readonly string[]): Promise<ManifestResults> {
  const documents = filesOf(paths).map((file) => ({ file, text: readFileSync(file, "utf8") }));
  const response = await call(path, { method: "POST", body: JSON.stringify({ documents }) });
  return (await jsonOf(response)) as ManifestResults;
}

function tell(results: ManifestResults, { json }: Flags): void {
  process.stdout.write(json === true ? `${JSON.stringify(results)}\n` : resultsText(results));
}

async function apply(paths: readonly string[], flags: Flags): Promise<number> {
  const query = new URLSearchParams();
  if (flags.dryRun === true) query.set("dryRun", "true");
  if (flags.reason !== undefined) query.set("reason", flags.reason);
  tell(await send(`/apply?${query}`, paths), flags);
  return EXIT.done;
}

async function diff(paths: readonly string[], flags: Flags): Promise<number> {
  const results = await send("/diff", paths);
  tell(results, flags);
  return exitCodeOf(results);
}

async function exportAll(slugs: readonly string[], { output }: Flags): Promise<number> {
  const found = slugs.length > 0 ? await Promise.all(slugs.map(one)) : await all();
  if (output === undefined) process.stdout.write(found.map(({ text }) => text).join("---\n"));
  else {
    mkdirSync(output, { recursive: true });
    for (const { slug, text } of found) writeFileSync(join(output, `${slug}.yaml`), text);
  }
  return EXIT.done;
}

interface Text {
  readonly slug: string;
  readonly text: string;
}

async function one(slug: string): Promise<Text> {
  const response = await call(`/tenants/${encodeURIComponent(slug)}`);
  return { slug, text: await response.text() };
}

async function all(): Promise<Text[]> {
  const found: Text[] = [];
  let cursor: string | null = null;
  do {
    const after: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page = (await (await call(`/tenants?limit=${pageSize}${after}`)).json()) as Page<Text>;
    found.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
}

function program(end: (code: number) => void): Command {
  const command = new Command("script/manifest").description("Tenants as YAML manifests.").exitOverride();
  command.addHelpText(
    "after",
    `
The service and its key: TENANTRY_URL (http://127.0.0.1:7070) and TENANTRY_API_KEY.
Exit code: 0 done or no difference, 2 differences (diff), 1 the command failed or the manifests were refused.
The format is described in docs/manifests.md.`,
  );
  command
    .command("apply")
    .description("make them the records of their tenants; all are checked before the first is written")
    .argument("<paths...>", "files, or folders of .yaml files")
    .option("--dry-run", "check and compare only")
    .option("--reason <text>", "kept in the audit trail")
    .option("--json", "the answer as one JSON object")
    .action(async (paths: string[], flags: Flags) => end(await apply(paths, flags)));
  command
    .command("diff")
    .description("say what applying them would change, field by field, and change nothing")
    .argument("<paths...>", "files, or folders of .yaml files")
    .option("--json", "the answer as one JSON object")
    .action(async (paths: string[], flags: Flags) => end(await diff(paths, flags)));
  command
    .command("export")
    .description("write tenants as manifests; all when none is named")
    .argument("[slugs...]")
    .option("--output <folder>", "one file a tenant in this folder instead of all to the terminal")
    .action(async (slugs: string[], flags: Flags) => end(await exportAll(slugs, flags)));
  return command;
}

let code: number = EXIT.failed;
try {
  await program((ended) => {
    code = ended;
  }).parseAsync();
} catch (thrown) {
  if (thrown instanceof CommanderError) code = thrown.exitCode === 0 ? EXIT.done : EXIT.failed;
  else if (thrown instanceof Refused) process.stderr.write(`${thrown.message}\n`);
  else process.stderr.write(`Cannot go on: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
}
process.exitCode = code;
