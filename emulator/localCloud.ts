/** Puts the local cloud together: account, providers, control API. One per data folder. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import providerServices from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { dataSources, resourceTypes } from "./aws/index.ts";
import { createAwsxProvider } from "./awsx/awsxProvider.ts";
import { createCatalogue } from "./catalogue.ts";
import type { Cloud } from "./context.ts";
import { startControlServer } from "./control/server.ts";
import { createFaults } from "./faults.ts";
import { newAccountId } from "./ids.ts";
import { lockFolder } from "./lock.ts";
import { Profile } from "./profile.ts";
import { createAwsProvider } from "./provider/awsProvider.ts";
import { listen } from "./provider/grpc.ts";
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
}

export interface RunningCloud {
  readonly pid: number;
  readonly startedAt: string;
  readonly controlUrl: string;
  readonly providers: { readonly aws: number; readonly awsx: number };
}

export interface LocalCloud {
  readonly running: RunningCloud;
  /** Resolves when the cloud has stopped, for whatever reason. */
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

const RUNNING_FILE = "emulator.json";

export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const { dataFolder } = options;
  mkdirSync(dataFolder, { recursive: true });
  const lock = lockFolder(dataFolder);
  const store = openStore(join(dataFolder, "account.sqlite"));
  const profile = openProfile(store, options.profile);
  const accountId = openAccountId(store);
  const activity = createActivity();
  const cloud: Cloud = {
    store,
    catalogue: createCatalogue(resourceTypes, dataSources),
    profile: profile.get,
    nowMs: Date.now,
  };
  const faults = createFaults();
  const versions = providerVersions();
  const service = providerServices.ResourceProviderService;
  const aws = await listen(
    service,
    activity.counted(
      createAwsProvider({
        cloud,
        gates: { faults, throttle: createThrottle() },
        defaultAccount: accountId,
        version: versions.aws,
      }),
    ),
  );
  const awsx = await listen(service, activity.counted(createAwsxProvider({ version: versions.awsx })));
  const startedAt = new Date().toISOString();
  const control = await startControlServer({
    cloud,
    faults,
    accountId,
    startedAt,
    port: options.port,
    setProfile: profile.set,
    shutdown: () => void stop(),
    onRequest: activity.note,
  });
  const running = {
    pid: process.pid,
    startedAt,
    controlUrl: control.url,
    providers: { aws: aws.port, awsx: awsx.port },
  };
  writeRunningFile(dataFolder, running);

  const stopped = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  const idle = activity.whenIdle(options.idleExitMs, () => void stop());
  function stop(): Promise<void> {
    stopping ??= (async () => {
      idle.cancel();
      rmSync(join(dataFolder, RUNNING_FILE), { force: true });
      faults.removeAll();
      await Promise.all([aws.close(), awsx.close(), control.close()]);
      store.close();
      lock.release();
      stopped.resolve();
    })();
    return stopping;
  }
  return { running, stopped: stopped.promise, stop };
}

function openAccountId(store: Store): string {
  const known = store.setting("accountId");
  if (known !== undefined) return known;
  const accountId = newAccountId();
  store.setSetting("accountId", accountId);
  return accountId;
}

function openProfile(store: Store, overrides: Partial<Profile>) {
  const stored: unknown = JSON.parse(store.setting("profile") ?? "{}");
  let current = Profile.parse({ ...Profile.catch(Profile.parse({})).parse(stored), ...overrides });
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

type Methods = Readonly<Record<string, (...parameters: never[]) => unknown>>;

/** Notes when the cloud was last asked something. */
function createActivity() {
  let lastAtMs = Date.now();
  let inFlight = 0;
  const note = () => {
    lastAtMs = Date.now();
  };
  return {
    note,
    counted<T extends object>(methods: T): T {
      const entries = Object.entries(methods as Methods).map(([name, method]) => [
        name,
        (call: never, callback?: (...values: unknown[]) => void) => {
          note();
          if (callback === undefined) return method(call);
          inFlight += 1;
          const done = (...values: unknown[]) => {
            inFlight -= 1;
            note();
            callback(...values);
          };
          return method(call, done as never);
        },
      ]);
      return Object.fromEntries(entries) as T;
    },
    whenIdle(idleExitMs: number, then: () => void) {
      if (idleExitMs <= 0) return { cancel: () => {} };
      const timer = setInterval(
        () => {
          if (inFlight === 0 && Date.now() - lastAtMs >= idleExitMs) then();
        },
        Math.min(idleExitMs, 1_000),
      );
      return { cancel: () => clearInterval(timer) };
    },
  };
}
