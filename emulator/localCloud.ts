/** Puts the local cloud together: account, providers, control API. One per data folder. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import providerServices from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type { Activity } from "./activity.ts";
import { createActivity } from "./activity.ts";
import { dataSources, resourceTypes } from "./aws/index.ts";
import { createAwsxProvider } from "./awsx/awsxProvider.ts";
import { createCatalogue } from "./catalogue.ts";
import type { Cloud } from "./context.ts";
import { startControlServer } from "./control/server.ts";
import type { Faults } from "./faults.ts";
import { createFaults } from "./faults.ts";
import { newAccountId } from "./ids.ts";
import { lockFolder } from "./lock.ts";
import { type ObjectFiles, openObjectFiles } from "./objectFiles.ts";
import { Profile } from "./profile.ts";
import { createAwsProvider } from "./provider/awsProvider.ts";
import type { Listening } from "./provider/grpc.ts";
import { listen } from "./provider/grpc.ts";
import { createDatabaseServers, type DatabaseServers } from "./rds/databaseServers.ts";
import type { Store } from "./store/store.ts";
import { openStore } from "./store/store.ts";
import { createThrottle } from "./throttle.ts";
import { providerVersions } from "./versions.ts";

export interface LocalCloudOptions {
  readonly dataFolder: string;
  /** Of the control API; 0 takes a free one. */
  readonly port: number;
  /** Ends itself after so long without a call; 0 never does. */
  readonly idleExitMs: number;
  /** Laid over the stored profile. */
  readonly profile: Partial<Profile>;
  /** What the starter knows this version of the code by; said back in emulator.json. */
  readonly code: string;
}

export interface RunningCloud {
  readonly pid: number;
  readonly startedAt: string;
  readonly controlUrl: string;
  readonly code: string;
  readonly providers: { readonly aws: number; readonly awsx: number };
}

export interface LocalCloud {
  readonly running: RunningCloud;
  /** Resolves when the cloud has stopped, for whatever reason. */
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

/** Everything that lives as long as the process. */
interface Parts {
  readonly store: Store;
  readonly cloud: Cloud;
  readonly faults: Faults;
  readonly accountId: string;
  readonly activity: Activity;
  readonly objectFiles: ObjectFiles;
  readonly databases: DatabaseServers;
  setProfile(profile: Profile): void;
}

const RUNNING_FILE = "emulator.json";

export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const { dataFolder } = options;
  mkdirSync(dataFolder, { recursive: true });
  const lock = lockFolder(dataFolder);
  const parts = openParts(options);
  const { faults, activity } = parts;
  const { aws, awsx } = await serveProviders(parts);
  const startedAt = new Date().toISOString();
  const control = await startControlServer({
    ...parts,
    startedAt,
    port: options.port,
    shutdown: () => void stop(),
    quietMs: activity.quietMs,
    onRequest: activity.note,
  });
  const providers = { aws: aws.port, awsx: awsx.port };
  const running = { pid: process.pid, startedAt, controlUrl: control.url, code: options.code, providers };
  writeRunningFile(dataFolder, running);

  const stopped = Promise.withResolvers<void>();
  const idle = activity.whenIdle(options.idleExitMs, () => void stop());
  let stopping: Promise<void> | undefined;
  async function end(): Promise<void> {
    idle.cancel();
    rmSync(join(dataFolder, RUNNING_FILE), { force: true });
    faults.removeAll();
    await Promise.all([aws.close(), awsx.close(), control.close(), parts.databases.stop()]);
    parts.store.close();
    lock.release();
    stopped.resolve();
  }
  function stop(): Promise<void> {
    stopping ??= end();
    return stopping;
  }
  return { running, stopped: stopped.promise, stop };
}

function openParts(options: LocalCloudOptions): Parts {
  const store = openStore(join(options.dataFolder, "account.sqlite"));
  const profile = openProfile(store, options.profile);
  const catalogue = createCatalogue(resourceTypes, dataSources);
  return {
    store,
    cloud: { store, catalogue, profile: profile.get, nowMs: Date.now },
    faults: createFaults(),
    accountId: openAccountId(store),
    activity: createActivity(),
    objectFiles: openObjectFiles(join(options.dataFolder, "objects"), store),
    databases: createDatabaseServers(options.dataFolder, store),
    setProfile: profile.set,
  };
}

async function serveProviders(parts: Parts): Promise<{ aws: Listening; awsx: Listening }> {
  const { cloud, faults, accountId, activity } = parts;
  const versions = providerVersions();
  const service = providerServices.ResourceProviderService;
  const gates = { faults, throttle: createThrottle() };
  const aws = createAwsProvider({ cloud, gates, defaultAccount: accountId, version: versions.aws });
  const awsx = createAwsxProvider({ version: versions.awsx });
  return {
    aws: await listen(service, activity.counted(aws)),
    awsx: await listen(service, activity.counted(awsx)),
  };
}

function openAccountId(store: Store): string {
  const known = store.setting("accountId");
  if (known !== undefined) return known;
  const accountId = newAccountId();
  store.setSetting("accountId", accountId);
  return accountId;
}

function openProfile(store: Store, overrides: Partial<Profile>) {
  const stored = Profile.safeParse(JSON.parse(store.setting("profile") ?? "{}"));
  let current = Profile.parse({ ...stored.data, ...overrides });
  return {
    get: () => current,
    set(profile: Profile) {
      store.setSetting("profile", JSON.stringify(profile));
      current = profile;
    },
  };
}

/** Readers find the whole file or none. */
function writeRunningFile(folder: string, running: RunningCloud): void {
  const temporary = join(folder, `${RUNNING_FILE}.${process.pid}`);
  writeFileSync(temporary, `${JSON.stringify(running)}\n`);
  renameSync(temporary, join(folder, RUNNING_FILE));
}
