import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pulumiEnvironment } from "../launcher/environment.ts";
import { ensureLocalCloud } from "../launcher/localCloud.ts";
import { OtherHostError } from "../registry/host.ts";
import { openRegistry, type Registry } from "../registry/registry.ts";
import { RegistryProblem } from "../registry/registryProblem.ts";
import { createAwsCloudRuntime } from "./cloud/awsCloudRuntime.ts";
import type { CloudRuntime } from "./cloud/cloudRuntime.ts";
import { createLocalImages } from "./cloud/localCloudImages.ts";
import { createLocalCloudRuntime } from "./cloud/localCloudRuntime.ts";
import { limits } from "./config/limits.ts";
import { SettingsError } from "./config/settingsError.ts";
import { readSettings, type Settings, usage } from "./config.ts";
import { createTenantDatabases } from "./database/createTenantDatabases.ts";
import { createEngine } from "./engine/createEngine.ts";
import { stopLimitsFor } from "./engine/processes.ts";
import { CannotListen } from "./http/server.ts";
import { createRegistryImages } from "./images/createImages.ts";
import type { ImageResolver } from "./images/imageResolver.ts";
import { createLog, type Logger } from "./log.ts";
import { parseEndpoints } from "./operations/resolveSpec.ts";
import { createPoll } from "./poll.ts";
import { DataFolderInUse, lockDataFolder } from "./processLock.ts";
import { type RunningService, startService } from "./service.ts";
import { signerOf } from "./signing/signer.ts";
import { stopWithin } from "./stopWithin.ts";

/** The program: settings, lock, engine and cloud by configuration, start message, server.json, signals. */

/** Asked this often, the local cloud never counts as idle while the service lives, and comes back when it was killed. */
const localCloudEveryMs = 60_000;

async function main(): Promise<void> {
  if (process.argv.includes("--help")) return void process.stdout.write(usage());
  const settings = readSettings(process.argv.slice(2), process.env);
  makeDataFolder(settings);
  checkSigningKey(settings);
  // Several processes may share a registry in PostgreSQL, and a data folder with it.
  const lock = settings.databaseUrl === undefined ? lockDataFolder(settings.dataDir) : undefined;
  // Before there is a log: a process that ends while its log is being opened says that instead.
  const registry = await open(settings);
  const log = createLog(settings);
  const displaced = Promise.withResolvers<OtherHostError>();
  const { service, stopParts } = await start(settings, registry, log, displaced.resolve).catch(
    (thrown: unknown) => {
      throw inWords(settings, thrown);
    },
  );
  // First what is shown once: whoever waits for the file finds the key printed.
  greet(settings, service);
  const forget = announce(settings, service.url);

  let stopping = false;
  const end = async (drainMs: number, code: number) => {
    stopping = true;
    const limitMs = stopLimitOf(settings);
    const inTime = await stopWithin(limitMs, async () => {
      await stopParts();
      await service.stop(drainMs);
    });
    if (!inTime)
      log.error({ limitMs }, "stopping takes too long: what still runs is cut off, and taken up by the next");
    forget();
    lock?.release();
    process.exit(inTime ? code : 1);
  };
  const stop = async (signal: NodeJS.Signals) => {
    // A second signal means that somebody will not wait; what is cut off is resumed at the next start.
    if (stopping) process.exit(130);
    if (!settings.jsonLog) process.stderr.write(`\nStopping: letting what runs end (${signal}) …\n`);
    log.info({ signal }, "stopping");
    await end(settings.drainMs, 0);
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
  const { message } = await displaced.promise;
  process.stderr.write(`${message}\n`);
  log.fatal({ message }, "another host has taken this one's place: stopping");
  // What still runs changes another state than the other host does, and must not go on beside it.
  if (!stopping) await end(0, 1);
}

/** Answers are let end, then operations, then what the engine runs for them; what is left is writing down that it is over. */
function stopLimitOf({ drainMs, killTimeMs }: Settings): number {
  return limits.closeGraceMs + drainMs + killTimeMs + limits.stopMarginMs;
}

function makeDataFolder({ dataDir }: Settings): void {
  try {
    makeFolder(dataDir);
    // Asked for permission, some file systems say yes and then take nothing.
    rmdirSync(mkdtempSync(join(dataDir, "start-")));
  } catch (cause) {
    throw new SettingsError(
      `Cannot start: --data-dir must be a folder that can be written, got ${dataDir} (${messageOf(cause)}).`,
      { cause },
    );
  }
}

/** One after the other: Node's own way of making all at once never ends below /proc, where nothing can be made. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (cause) {
    if (!existsSync(folder)) throw cause;
  }
}

/** A key that is named and no good would be found out at the end of a destruction, when there is no way back. */
function checkSigningKey(settings: Settings): void {
  if (settings.signingKey === undefined) return;
  try {
    signerOf(settings);
  } catch (cause) {
    throw new SettingsError(
      `Cannot start: --signing-key must be an Ed25519 private key in PEM, or its file (${messageOf(cause)}). ` +
        "Make one with: openssl genpkey -algorithm ed25519",
      { cause },
    );
  }
}

async function start(
  settings: Settings,
  registry: Registry,
  log: Logger,
  onDisplaced: (error: OtherHostError) => void,
) {
  const { dataDir, cloud, role } = settings;
  // Who only answers requests reads states at most, which needs no worker.
  const workers = role === "api" ? 0 : settings.engineWorkers;
  if (cloud === "local") await ensureLocalCloud({ dataDir });
  const stop = stopLimitsFor(settings.killTimeMs);
  const engine = createEngine({ dataDir, workers, stop, environment: () => engineEnvironment(settings) });
  const runtime = createCloud(settings);
  const databases = createTenantDatabases({ cloud: runtime, caFile: settings.databaseCaFile });
  const service = await startService({
    ...{ settings, registry, engine, cloud: runtime, databases, log, images: createImages(settings) },
    stateInFolder: isStateInFolder(settings),
    onDisplaced,
  });
  const keepAlive =
    cloud === "local"
      ? createPoll(
          { log },
          "local cloud",
          localCloudEveryMs,
          async () => void (await ensureLocalCloud({ dataDir })),
        )
      : undefined;
  return { service, stopParts: async () => keepAlive?.stop() };
}

/** Where the service of this folder listens; of several, the newest. */
function announce({ dataDir }: Settings, url: string): () => void {
  const file = join(dataDir, "server.json");
  writeFileSync(file, `${JSON.stringify({ pid: process.pid, url })}\n`);
  return () => {
    if (pidIn(file) === process.pid) rmSync(file, { force: true });
  };
}

function pidIn(file: string): number | undefined {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { pid: number }).pid;
  } catch {
    return undefined;
  }
}

class CannotOpenRegistry extends Error {}

async function open({ dataDir, databaseUrl, databaseConnections }: Settings): Promise<Registry> {
  if (databaseUrl === undefined) return openFile(join(dataDir, "registry.sqlite"));
  try {
    return await openRegistry({ url: databaseUrl, poolSize: Math.floor(databaseConnections / 2) });
  } catch (cause) {
    if (!(cause instanceof RegistryProblem)) throw new CannotOpenRegistry(messageOf(cause), { cause });
    throw unanswered(databaseUrl, cause);
  }
}

/** It may go away while the service starts, too. */
function inWords({ databaseUrl }: Settings, thrown: unknown): unknown {
  if (!(thrown instanceof RegistryProblem)) return thrown;
  if (databaseUrl !== undefined && thrown.code === "not_ready") return unanswered(databaseUrl, thrown);
  return new CannotOpenRegistry(thrown.message, { cause: thrown });
}

function unanswered(databaseUrl: string, cause: RegistryProblem): CannotOpenRegistry {
  const { host, pathname } = new URL(databaseUrl);
  const why = messageOf(cause.options.cause);
  return new CannotOpenRegistry(
    `Cannot start: PostgreSQL at ${host}${pathname} must answer, and does not (${why}). ` +
      "Start it, or correct --database-url.",
    { cause },
  );
}

/** A file that is damaged or none of ours is for a person to mend, who needs no stack trace. */
async function openFile(file: string): Promise<Registry> {
  try {
    return await openRegistry({ file });
  } catch (cause) {
    const message = messageOf(cause);
    const isDatabases = cause instanceof Error && "code" in cause && String(cause.code).startsWith("SQLITE_");
    if (message.startsWith("Cannot ")) throw new CannotOpenRegistry(message, { cause });
    if (!isDatabases) throw cause;
    throw new CannotOpenRegistry(
      `Cannot open the registry: ${file} must be a SQLite database in good order, got "${message}". ` +
        "Put its last backup in its place, or name another folder with --data-dir.",
      { cause },
    );
  }
}

function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError) return thrown.errors.map(messageOf).join("; ");
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Asked before each engine run, because a restarted local cloud listens on other ports. */
async function engineEnvironment({ dataDir, cloud }: Settings): Promise<Record<string, string>> {
  const environment = pulumiEnvironment({ dataDir, cloud });
  if (cloud === "aws") return environment;
  const { providerEnv } = await ensureLocalCloud({ dataDir });
  return { ...environment, ...providerEnv };
}

function isStateInFolder({ dataDir, cloud }: Settings): boolean {
  return pulumiEnvironment({ dataDir, cloud }).PULUMI_BACKEND_URL?.startsWith("file:") === true;
}

function createCloud(settings: Settings): CloudRuntime {
  if (settings.cloud === "local") return createLocalCloudRuntime(localCloudOf(settings));
  return createAwsCloudRuntime(awsEndpointOf(settings));
}

function createImages(settings: Settings): ImageResolver {
  if (settings.cloud === "local") return createLocalImages(localCloudOf(settings));
  return createRegistryImages(awsEndpointOf(settings));
}

function localCloudOf({ dataDir }: Settings) {
  return { controlUrl: async () => (await ensureLocalCloud({ dataDir })).controlUrl };
}

function awsEndpointOf({ awsEndpoints }: Settings) {
  return awsEndpoints === undefined ? {} : { endpoint: parseEndpoints(awsEndpoints) };
}

function greet(settings: Settings, { url, firstAdminKey }: RunningService): void {
  if (firstAdminKey !== undefined) {
    process.stderr.write(
      `Admin API key, shown this once (only its hash is kept):\n\n    ${firstAdminKey}\n\n`,
    );
  }
  if (settings.jsonLog) return;
  const key = firstAdminKey ?? "$TENANTRY_API_KEY";
  const isWorker = settings.role === "worker";
  process.stdout.write(
    [
      `Tenantry is up at ${url} (cloud: ${settings.cloud}, data: ${settings.dataDir})`,
      // A worker answers no requests but those about itself.
      ...(isWorker ? [`  ready      ${url}/readiness`] : [`  API docs   ${url}/docs`]),
      `  try        curl -H "Authorization: Bearer ${key}" ${url}${isWorker ? "/metrics" : "/v1/control-plane/tenants"}`,
      `  log        ${join(settings.dataDir, "service.log")}`,
      "Stop it with Ctrl+C.",
      "",
    ].join("\n"),
  );
}

main().catch((thrown: unknown) => {
  const expected = [SettingsError, DataFolderInUse, CannotListen, CannotOpenRegistry, OtherHostError].some(
    (known) => thrown instanceof known,
  );
  const message =
    thrown instanceof Error ? (expected ? thrown.message : (thrown.stack ?? thrown.message)) : thrown;
  process.stderr.write(`${String(message)}\n`);
  process.exit(1);
});
