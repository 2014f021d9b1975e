import { delimiter, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { findLanguageHost } from "./languageHost.ts";
import { withLock } from "./lock.ts";
import { ensureNpmPackages } from "./npmPackages.ts";
import { which } from "./process.ts";
import { ensurePulumiCli } from "./pulumiCli.ts";
import { writeRecord } from "./record.ts";
import { type Setup, SetupError, setupFromEnvironment } from "./setup.ts";

/**
 * The second half of script/bootstrap, from the moment a Node is there: npm packages, Pulumi CLI, language host.
 *
 * It promises: nothing is fetched that is there already; every fetched thing appears in its place whole, in one
 * rename, under a lock that a killed run does not keep; each long step says beforehand how long it may take; and when
 * nothing works the message says what was tried and what to install. It refuses to change anything outside the
 * checkout's node_modules and the cache folder: no profile is edited, nothing is installed for the system.
 *
 * Nothing here may import an npm package at load time, since none may be installed yet.
 */
async function bootstrap(setup: Setup, fingerprint: string): Promise<void> {
  await ensureNpmPackages(setup);
  const cli = await ensurePulumiCli(setup);
  const userPath = process.env.PATH ?? "";
  const first = setup.nodeFolder === "" ? [] : [setup.nodeFolder];
  if (which("pulumi", [...first, userPath].join(delimiter)) !== cli) first.push(dirname(cli));
  const path = [...first, userPath].join(delimiter);
  const languageHost = findLanguageHost(setup, cli, path);
  const last = isFound(languageHost, path) ? [] : [dirname(languageHost)];
  const node = which("node", path) ?? process.execPath;
  writeRecord(setup, { fingerprint, node, pulumi: cli, languageHost, pathFirst: first, pathLast: last });
  setup.say(`Ready: node ${process.version}, pulumi ${cli}, language host ${languageHost}`);
}

function isFound(languageHost: string, path: string): boolean {
  return which("pulumi-language-nodejs", path) === languageHost;
}

const LOCK_WAIT_LIMIT_MS = 60 * 60_000;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { fingerprint: { type: "string" } } });
  const setup = setupFromEnvironment();
  const lock = join(setup.cache, "bootstrap.lock");
  const onWait = (owner: { pid: number }) =>
    setup.say(`Waiting for process ${owner.pid}, which is setting up the same tools`);
  await withLock(lock, { waitLimitMs: LOCK_WAIT_LIMIT_MS, onWait }, () =>
    bootstrap(setup, values.fingerprint ?? ""),
  );
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
