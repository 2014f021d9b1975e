import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pulumiEnvironment } from "../launcher/environment.ts";
import { ensureLocalCloud } from "../launcher/localCloud.ts";
import { openRegistry } from "../registry/registry.ts";
import { createAwsCloudRuntime } from "./cloud/awsCloudRuntime.ts";
import type { CloudRuntime } from "./cloud/cloudRuntime.ts";
import { createLocalCloudRuntime } from "./cloud/localCloudRuntime.ts";
import { readSettings, type Settings, SettingsError, usage } from "./config.ts";
import { createEngine } from "./engine/createEngine.ts";
import { CannotListen } from "./http/server.ts";
import { createLog } from "./log.ts";
import { parseEndpoints } from "./operations/resolveSpec.ts";
import { createPoll } from "./poll.ts";
import { DataFolderInUse, lockDataFolder } from "./processLock.ts";
import { type RunningService, startService } from "./service.ts";

/** The program: settings, lock, engine and cloud by configuration, start message, server.json, signals. */

/** Asked this often, the local cloud never counts as idle while the service lives, and comes back when it was killed. */
const localCloudEveryMs = 60_000;

async function main(): Promise<void> {
  if (process.argv.includes("--help")) return void process.stdout.write(usage());
  const settings = readSettings(process.argv.slice(2), process.env);
  mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 });
  const lock = lockDataFolder(settings.dataDir);
  const log = createLog(settings);
  const serverFile = join(settings.dataDir, "server.json");
  const { service, stopParts } = await start(settings, log);
  writeFileSync(serverFile, `${JSON.stringify({ pid: process.pid, url: service.url })}\n`);
  greet(settings, service);

  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    // A second signal means that somebody will not wait; what is cut off is resumed at the next start.
    if (stopping) process.exit(130);
    stopping = true;
    if (!settings.jsonLog) process.stderr.write(`\nStopping: letting what runs end (${signal}) …\n`);
    log.info({ signal }, "stopping");
    await stopParts();
    await service.stop();
    rmSync(serverFile, { force: true });
    lock.release();
    process.exit(0);
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
}

async function start(settings: Settings, log: ReturnType<typeof createLog>) {
  const { dataDir, cloud, engineWorkers: workers } = settings;
  const registry = await openRegistry({ file: join(dataDir, "registry.sqlite") });
  if (cloud === "local") await ensureLocalCloud({ dataDir });
  const engine = createEngine({ dataDir, workers, environment: () => engineEnvironment(settings) });
  const service = await startService({ settings, registry, engine, cloud: createCloud(settings), log });
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

/** Asked before each engine run, because a restarted local cloud listens on other ports. */
async function engineEnvironment({ dataDir, cloud }: Settings): Promise<Record<string, string>> {
  const environment = pulumiEnvironment({ dataDir, cloud });
  if (cloud === "aws") return environment;
  const { providerEnv } = await ensureLocalCloud({ dataDir });
  return { ...environment, ...providerEnv };
}

function createCloud({ cloud, dataDir, awsEndpoints }: Settings): CloudRuntime {
  if (cloud === "local") {
    return createLocalCloudRuntime({
      controlUrl: async () => (await ensureLocalCloud({ dataDir })).controlUrl,
    });
  }
  const endpoints = awsEndpoints === undefined ? undefined : parseEndpoints(awsEndpoints);
  return createAwsCloudRuntime(typeof endpoints === "string" ? { endpoint: endpoints } : {});
}

function greet(settings: Settings, { url, firstAdminKey }: RunningService): void {
  if (firstAdminKey !== undefined) {
    process.stderr.write(
      `Admin API key, shown this once (only its hash is kept):\n\n    ${firstAdminKey}\n\n`,
    );
  }
  if (settings.jsonLog) return;
  const key = firstAdminKey ?? "$TENANTRY_API_KEY";
  process.stdout.write(
    [
      `Tenantry is up at ${url} (cloud: ${settings.cloud}, data: ${settings.dataDir})`,
      `  API docs   ${url}/docs`,
      `  try        curl -H "Authorization: Bearer ${key}" ${url}/v1/control-plane/tenants`,
      `  log        ${join(settings.dataDir, "service.log")}`,
      "Stop it with Ctrl+C.",
      "",
    ].join("\n"),
  );
}

main().catch((thrown: unknown) => {
  const expected = [SettingsError, DataFolderInUse, CannotListen].some((known) => thrown instanceof known);
  const message =
    thrown instanceof Error ? (expected ? thrown.message : (thrown.stack ?? thrown.message)) : thrown;
  process.stderr.write(`${String(message)}\n`);
  process.exit(1);
});
