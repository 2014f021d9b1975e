import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "../demo/processes.ts";
import type { Ledger } from "./ledger.ts";
import type { Link } from "./link.ts";
import { descendants, hostOf, kill, look, pids, type Running, signal } from "./processes.ts";

const READY_WITHIN_MS = 90_000;
const POLL_MS = 50;
const RESTART_AFTER_MS = 500;
const KEY = /tk_[a-z0-9]+_[A-Za-z0-9_-]+/;

export interface ReplicaOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly port: number;
  readonly flags: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Lives under this host name, in a name space of its own, when given. */
  readonly hostName?: string;
  /** What runs in place of the service's own program, from the project's folder. */
  readonly program?: string;
  /** Its way to the database. */
  readonly link?: Link;
}

/**
 * One service process and what it starts: engine workers, their CLIs. It is started again after each end until
 * `retire`, as a supervisor does.
 */
export class Replica {
  readonly url: string;
  readonly options: ReplicaOptions;
  readonly #ledger: Ledger;
  #child: ChildProcess | undefined;
  #adminKey: string | undefined;
  /** Ready is answered before the key is shown; the greeting comes after both. */
  #greeted = false;
  #hosts = new Set<string>();
  #lastWords = "";

  constructor(options: ReplicaOptions, ledger: Ledger) {
    this.options = options;
    this.#ledger = ledger;
    this.url = `http://127.0.0.1:${options.port}`;
  }

  /** Shown once in the life of a registry. */
  get adminKey(): string | undefined {
    return this.#adminKey;
  }

  get pid(): number | undefined {
    const child = this.#child;
    return child === undefined || child.exitCode !== null || child.signalCode !== null
      ? undefined
      : child.pid;
  }

  start(): void {
    if (this.pid !== undefined) return;
    const { dataDir, port, flags, env, hostName, program: file = "service/main.ts" } = this.options;
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const program = ["--disable-warning=ExperimentalWarning", join(root, file)];
    const service = [process.execPath, ...program, "--data-dir", dataDir, "--port", String(port), ...flags];
    // `exec` keeps the pid: what is killed is the service and not a shell around it.
    const script = 'hostname "$0" && exec "$@"';
    const command =
      hostName === undefined ? service : ["unshare", "--uts", "sh", "-c", script, hostName, ...service];
    this.#greeted = false;
    const child = spawn(command[0] ?? "", command.slice(1), {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const log = createWriteStream(join(dataDir, "said.log"), { flags: "a", mode: 0o600 });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => this.#hear(chunk, log));
    child.once("exit", (code, name) => {
      log.end();
      if (code !== null && code !== 0) this.#failed(code);
      else if (name !== "SIGKILL") this.#ledger.say(`service ${this.options.name} ended (${name ?? code})`);
    });
  }

  /** A service refuses to start without its database, in words; a supervisor starts it again. Nothing else may end it. */
  #failed(code: number): void {
    const { name } = this.options;
    if (/Cannot start: PostgreSQL .* must answer/.test(this.#lastWords))
      this.#ledger.say(`service ${name} cannot start without its database; starting it again`);
    else
      this.#ledger.violation(`service ${name} ended by itself with code ${code}: ${this.#lastWords.trim()}`);
    setTimeout(() => this.start(), RESTART_AFTER_MS);
  }

  #hear(chunk: Buffer, log: NodeJS.WritableStream): void {
    const text = chunk.toString();
    this.#adminKey ??= KEY.exec(text)?.[0];
    this.#lastWords = text;
    this.#greeted ||= text.includes("Tenantry is up");
    // Meant for a person's eyes, once; the search for secrets in files would find it here.
    log.write(text.replaceAll(new RegExp(KEY, "g"), "tk_[secret]"));
  }

  async untilReady(): Promise<void> {
    const deadline = Date.now() + READY_WITHIN_MS;
    while (Date.now() < deadline) {
      const answer = await fetch(new URL("/readiness", this.url), {
        signal: AbortSignal.timeout(5_000),
      }).catch(() => undefined);
      if (answer?.ok && this.#greeted) return this.#remember();
      await sleep(POLL_MS);
    }
    throw new Error(`Cannot go on: service ${this.options.name} must be ready within ${READY_WITHIN_MS} ms`);
  }

  /** Just started it may still live under this program's own host name, which is everybody else's too. */
  #remember(): void {
    const host = this.pid === undefined ? undefined : hostOf(this.pid);
    if (host !== undefined && host !== hostOf(process.pid)) this.#hosts.add(host);
  }

  /** The service's engine workers. */
  workers(): Running[] {
    return this.pid === undefined ? [] : descendants(this.pid).filter(isWorker);
  }

  /** Runs of the CLI on a stack, by its folder: also those whose service is gone. */
  clis(): Running[] {
    return pids().flatMap((pid) => {
      const running = look(pid);
      return running !== undefined && this.#isRun(running) ? [running] : [];
    });
  }

  #isRun({ command, folder }: Running): boolean {
    const runs = join(this.options.dataDir, "runs");
    return (
      /(^|\/)pulumi$/.test(command[0] ?? "") && folder.startsWith(`${runs}/`) && !folder.includes("/.scratch")
    );
  }

  async killService(): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    const ended = this.#ended();
    await kill(pid);
    await ended;
  }

  /** Gone from the machine is not yet told to us: until it is, a start would think that it lives. */
  async #ended(): Promise<void> {
    if (this.#child !== undefined && this.pid !== undefined) await once(this.#child, "exit");
  }

  /** Everything on this host at once, as when its power fails; `spared` are those that only happen to live there. */
  async killHost(spared: ReadonlySet<number>): Promise<void> {
    this.#remember();
    const own = this.pid === undefined ? [] : [this.pid];
    const there = pids().filter((pid) => this.#hosts.has(hostOf(pid) ?? "") && !spared.has(pid));
    const ended = this.#ended();
    // Stopped first: nobody may act on the other's death.
    for (const pid of [...own, ...there]) signal(pid, "SIGSTOP");
    await Promise.all([...own, ...there].map(kill));
    await ended;
    this.#hosts.clear();
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || this.pid === undefined) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
    await ended;
    clearTimeout(timer);
  }
}

function isWorker({ command }: Running): boolean {
  return command.some((word) => word.endsWith("service/engine/worker.ts"));
}
