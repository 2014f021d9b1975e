import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run, which } from "../../toolchain/process.ts";

const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BASICS =
  "bash sh awk cat chmod cksum cp dirname find mkdir mktemp mv rm sed sha512sum shasum sleep sort tar gzip touch tr uname env".split(
    " ",
  );

export interface BootstrapResult {
  readonly code: number | null;
  readonly output: string;
  readonly elapsedMs: number;
}

/**
 * A machine with next to nothing on it: a copy of the bootstrap in a folder of its own, an empty cache, and a PATH that
 * holds only basic commands and the programs a test puts there.
 */
export class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), "tenantry-machine-"));
  readonly root = join(this.folder, "checkout");
  readonly cache = join(this.folder, "cache", "tenantry");
  readonly #bin = join(this.folder, "bin");

  constructor() {
    mkdirSync(this.#bin);
    mkdirSync(join(this.root, "node_modules"), { recursive: true });
    for (const name of ["script", "toolchain", "package.json", "package-lock.json"]) {
      cpSync(join(checkout, name), join(this.root, name), { recursive: true });
    }
    // npm packages count as installed, so that no test downloads them; the installer finds no SDK and fails at once.
    cpSync(
      join(checkout, "node_modules", ".package-lock.json"),
      join(this.root, "node_modules", ".package-lock.json"),
    );
    for (const name of BASICS) {
      const found = which(name);
      if (found !== undefined) symlinkSync(found, join(this.#bin, name));
    }
  }

  /** Puts a shell script on PATH. */
  add(name: string, script: string): void {
    this.remove(name);
    writeFileSync(join(this.#bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  addNode(): void {
    this.add("node", `exec ${process.execPath} "$@"`);
    this.add("npm", "exit 1");
  }

  remove(name: string): void {
    rmSync(join(this.#bin, name), { force: true });
  }

  bin(name: string): string {
    return join(this.#bin, name);
  }

  start(...args: string[]) {
    const child = spawn("bash", [join(this.root, "script", "bootstrap"), ...args], {
      env: { PATH: this.#bin, HOME: this.folder, XDG_CACHE_HOME: dirname(this.cache), TMPDIR: this.folder },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    child.stderr.on("data", (data) => (output += data));
    const startedAt = performance.now();
    const ended = new Promise<BootstrapResult>((resolve) =>
      child.once("close", (code) => resolve({ code, output, elapsedMs: performance.now() - startedAt })),
    );
    return { pid: child.pid ?? 0, ended };
  }

  bootstrap(...args: string[]): Promise<BootstrapResult> {
    return this.start(...args).ended;
  }

  /** What the scripts would read, as name=value lines; undefined when nothing was recorded. */
  record(): string | undefined {
    const file = join(this.root, "node_modules", ".tenantry-tools");
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  }

  calls(name: string): number {
    const file = join(this.folder, `${name}.calls`);
    return existsSync(file) ? readFileSync(file, "utf8").length : 0;
  }

  /** A line for a script that counts its calls. */
  counting(name: string): string {
    return `printf x >> ${join(this.folder, `${name}.calls`)}`;
  }

  /** Pins a stand-in for the Node package, and gives an npm that delivers it. */
  async pinNode(): Promise<void> {
    const content = join(this.folder, "package", "bin");
    mkdirSync(content, { recursive: true });
    writeFileSync(join(content, "node"), `#!/bin/sh\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
    const archive = join(this.folder, "node.tgz");
    const logFile = join(this.folder, "tar.log");
    await run("tar", ["-czf", archive, "-C", this.folder, "package"], { logFile, timeoutMs: 10_000 });
    const sha512 = createHash("sha512").update(readFileSync(archive)).digest("hex");
    const platform = `${process.platform}-${process.arch}`;
    writeFileSync(join(this.root, "toolchain", "runtimes.txt"), `${platform} a-node 24.0.0 ${sha512}\n`);
    this.add("npm", `${this.counting("npm")}\n[ "$1" = pack ] && cp ${archive} a-node-24.0.0.tgz`);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What `go build … -o FILE …` must do here: write a CLI that tells its version. */
export const GO_BUILDS = `while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho v3.259.0\\n' > "$2"
chmod 755 "$2"`;

export const PULUMI_SUITS = "echo v3.259.0";
