import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { publish } from "./cache.ts";
import { run, which } from "./process.ts";
import { type Setup, SetupError } from "./setup.ts";

/**
 * Finds or gets the Pulumi CLI. In this order: one the user has and that suits; the one in our cache; the official
 * installer; a build from the Go module pinned in pulumi-cli/. The build is for networks where only a Go module proxy
 * is reached; it gives the same CLI but no language host beside it.
 */
export async function ensurePulumiCli(setup: Setup): Promise<string> {
  const wanted = wantedPulumiVersion(setup.root);
  const tried: string[] = [];
  const place = join(setup.cache, "pulumi", wanted);
  for (const candidate of [
    which("pulumi"),
    join(pulumiHome(), "bin", "pulumi"),
    join(place, "bin", "pulumi"),
  ]) {
    if (candidate === undefined || !existsSync(candidate)) continue;
    const version = pulumiVersion(candidate);
    if (version !== undefined && pulumiVersionSuits(version, wanted)) return candidate;
    tried.push(
      `${candidate}: its version must be ${wanted} or a later 3.x, got ${version ?? "none (it does not run)"}`,
    );
  }
  if (tried.length === 0) tried.push(`pulumi on PATH, in ${pulumiHome()}/bin and in ${place}/bin: none`);
  for (const get of [install, build]) {
    const failure = await get(setup, wanted, place);
    if (failure === undefined) return join(place, "bin", "pulumi");
    tried.push(failure);
    setup.say(`  no: ${failure.split("\n").at(-1)}`);
  }
  throw new SetupError(
    `the Pulumi CLI ${wanted}`,
    tried,
    `Install the Pulumi CLI ${wanted} or a later 3.x (https://www.pulumi.com/docs/iac/download-install/), or Go 1.21 or newer ` +
      "(https://go.dev/dl/) so that it can be built, put it on PATH, and run script/bootstrap again.",
  );
}

/** The CLI's version is the SDK's: package.json is the one place that names it. */
export function wantedPulumiVersion(root: string): string {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const version = manifest.dependencies["@pulumi/pulumi"];
  if (version === undefined || !/^\d+\.\d+\.\d+$/.test(version)) {
    throw new Error(
      `Cannot tell the Pulumi version: package.json must pin @pulumi/pulumi, got ${version ?? "nothing"}`,
    );
  }
  return version;
}

/** A CLI serves an SDK that is no newer than itself, within one major version. */
export function pulumiVersionSuits(version: string, wanted: string): boolean {
  const [major = 0, minor = 0, patch = 0] = numbers(version);
  const [wantedMajor = 0, wantedMinor = 0, wantedPatch = 0] = numbers(wanted);
  if (major !== wantedMajor) return false;
  return minor !== wantedMinor ? minor > wantedMinor : patch >= wantedPatch;
}

function numbers(version: string): number[] {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version.trim());
  return match === null ? [] : match.slice(1).map(Number);
}

export function pulumiHome(): string {
  return process.env.PULUMI_HOME || join(homedir(), ".pulumi");
}

const VERSION_TIMEOUT_MS = 20_000;

function pulumiVersion(command: string): string | undefined {
  try {
    return execFileSync(command, ["version"], {
      encoding: "utf8",
      timeout: VERSION_TIMEOUT_MS,
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "1" },
    }).trim();
  } catch {
    return undefined;
  }
}

const INSTALL_TIMEOUT_MS = 10 * 60_000;

async function install(setup: Setup, wanted: string, place: string): Promise<string | undefined> {
  setup.say(
    `Getting the Pulumi CLI ${wanted} with its official installer (about 150 MB, one or two minutes)`,
  );
  const logFile = join(setup.cache, "logs", "pulumi-install.log");
  let failure: string | undefined;
  await publish(place, async (scratch) => {
    // A process of its own, because PulumiCommand.install has no time limit; NODE_USE_ENV_PROXY lets fetch honour proxies.
    const script = fileURLToPath(new URL("./pulumiInstaller.ts", import.meta.url));
    const result = await run(process.execPath, [script, scratch], {
      logFile,
      timeoutMs: INSTALL_TIMEOUT_MS,
      env: { NODE_USE_ENV_PROXY: "1" },
      onBeat: (seconds) => setup.say(`  still downloading, ${seconds} s`),
    });
    if (!result.ok) failure = `official installer: ${result.reason} (log: ${logFile})\n${result.excerpt}`;
    return result.ok;
  });
  return failure;
}

const BUILD_TIMEOUT_MS = 40 * 60_000;
const VERSION_SYMBOL = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

async function build(setup: Setup, wanted: string, place: string): Promise<string | undefined> {
  const go = which("go");
  if (go === undefined) return "build with Go: no `go` on PATH";
  setup.say(
    `Building the Pulumi CLI ${wanted} with Go (once; three to ten minutes, 3 GB of modules and build cache). ` +
      "It may be interrupted: the next run goes on where this one stopped.",
  );
  const logFile = join(setup.cache, "logs", "pulumi-build.log");
  let failure: string | undefined;
  await publish(place, async (scratch) => {
    mkdirSync(join(scratch, "bin"));
    const binary = join(scratch, "bin", "pulumi");
    // Without the version symbol the CLI calls itself "unknown" and the Automation API refuses it.
    const flags = ["-mod=readonly", "-trimpath", "-ldflags", `-s -w -X ${VERSION_SYMBOL}=v${wanted}`];
    const result = await run(
      go,
      ["build", ...flags, "-o", binary, "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"],
      {
        cwd: join(setup.root, "toolchain", "pulumi-cli"),
        logFile,
        timeoutMs: BUILD_TIMEOUT_MS,
        env: { GOWORK: "off", CGO_ENABLED: "0" },
        onBeat: (seconds) => setup.say(`  still building, ${seconds} s`),
      },
    );
    if (!result.ok) failure = `build with Go: ${result.reason} (log: ${logFile})\n${result.excerpt}`;
    else if (pulumiVersion(binary) === undefined)
      failure = `build with Go: ${binary} was built but does not run`;
    else chmodSync(binary, 0o755);
    return failure === undefined;
  });
  return failure;
}
