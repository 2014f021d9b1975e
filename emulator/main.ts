/**
 * The local cloud: a small AWS account that lives in a folder, behind stand-ins for Pulumi's aws and awsx providers.
 *
 * It promises: ids, ARNs, defaults and refusals in AWS's shape for the types it knows, a clear "not emulated" for any
 * other; an account that survives restarts; failures, delays and out-of-band changes on request through its control
 * API. Secrets and buckets hold what is put into them, and behind each RDS cluster for PostgreSQL there is a real one, started when
 * somebody asks for its address. It refuses a second process on the same folder, and it listens on 127.0.0.1 only. It is
 * not AWS: no task runs in it, no policy is enforced, no money is spent.
 *
 * `node emulator/main.ts --data DIR [--port N] [--idle-exit-ms N] [--profile JSON] [--code TEXT]`
 * `--code` is what its starter knows this version of it by. Prints one line of JSON (also in DIR/emulator.json) once it
 * listens.
 */
import { parseArgs } from "node:util";
import { startLocalCloud } from "./localCloud.ts";
import { FolderInUse } from "./lock.ts";
import { Profile } from "./profile.ts";

const USAGE =
  "Usage: node emulator/main.ts --data DIR [--port N] [--idle-exit-ms N] [--profile JSON] [--code TEXT]";

function readOptions() {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      port: { type: "string", default: "0" },
      "idle-exit-ms": { type: "string", default: "0" },
      profile: { type: "string", default: "{}" },
      code: { type: "string", default: "" },
    },
  });
  if (values.data === undefined) throw new Error(`Cannot start: --data must name a folder. ${USAGE}`);
  return {
    dataFolder: values.data,
    port: wholeNumber("--port", values.port),
    idleExitMs: wholeNumber("--idle-exit-ms", values["idle-exit-ms"]),
    profile: givenProfile(values.profile),
    code: values.code,
  };
}

function wholeNumber(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`Cannot start: ${flag} must be a whole number, got ${text}.`);
  return Number(text);
}

/** Only what was given, so that the stored rest stays. */
function givenProfile(text: string): Partial<Profile> {
  const given: unknown = JSON.parse(text);
  const profile = Profile.parse(given);
  const keys = Object.keys(given as object);
  return Object.fromEntries(Object.entries(profile).filter(([key]) => keys.includes(key)));
}

async function main(): Promise<void> {
  const cloud = await startLocalCloud(readOptions());
  process.stdout.write(`${JSON.stringify(cloud.running)}\n`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void cloud.stop());
  await cloud.stopped;
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof FolderInUse ? 3 : 1);
  },
);
