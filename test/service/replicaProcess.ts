import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { openRegistry } from "../../registry/registry.ts";
import { readSettings } from "../../service/config.ts";
import type { Engine } from "../../service/engine/engine.ts";
import { createLog } from "../../service/log.ts";
import { startService } from "../../service/service.ts";
import { createFakeImages } from "./fakeImages.ts";
import { createFakeWorld, type FakeStack, keyOf } from "./fakes.ts";

/**
 * Run as a process of its own by replicas.ts: the service on PostgreSQL, on a fake cloud that all replicas of one data folder
 * share. Runs wait while the folder holds a file `hold`; each run's begin and end are noted in `runs.log`.
 */
const [runMs = "0", ...flags] = process.argv.slice(2);
const settings = readSettings(flags, {});
const { dataDir } = settings;

/** The stacks of the fake cloud, each in a file of its own, so that replicas do not write over each other's. */
class SharedStacks extends Map<string, FakeStack> {
  readonly #folder = path.join(dataDir, "stacks");
  #fileOf(key: string): string {
    return path.join(this.#folder, encodeURIComponent(key));
  }
  override get(key: string): FakeStack | undefined {
    return this.has(key) ? JSON.parse(readFileSync(this.#fileOf(key), "utf8")) : undefined;
  }
  override has(key: string): boolean {
    return existsSync(this.#fileOf(key));
  }
  override set(key: string, stack: FakeStack): this {
    mkdirSync(this.#folder, { recursive: true });
    const fresh = path.join(dataDir, `stack-${process.pid}`);
    writeFileSync(fresh, JSON.stringify(stack));
    renameSync(fresh, this.#fileOf(key));
    return this;
  }
  override delete(key: string): boolean {
    const existed = this.has(key);
    rmSync(this.#fileOf(key), { force: true });
    return existed;
  }
  override values(): MapIterator<FakeStack> {
    const names = existsSync(this.#folder) ? readdirSync(this.#folder) : [];
    const stacks = names.map((name) => [name, this.get(decodeURIComponent(name))] as const);
    return new Map(stacks.filter((entry): entry is [string, FakeStack] => entry[1] !== undefined)).values();
  }
}

function held(): Promise<void> {
  return new Promise((resolve) => {
    const since = Date.now();
    const timer = setInterval(() => {
      if (existsSync(path.join(dataDir, "hold")) || Date.now() - since < Number(runMs)) return;
      clearInterval(timer);
      resolve();
    }, 10);
  });
}

const world = Object.defineProperty(createFakeWorld(), "gate", { get: held });
Object.assign(world, { stacks: new SharedStacks() });

async function noted<T>(key: string, run: () => Promise<T>): Promise<T> {
  const line = (what: string) =>
    appendFileSync(
      path.join(dataDir, "runs.log"),
      `${JSON.stringify({ what, key, pid: process.pid, at: process.hrtime.bigint().toString() })}\n`,
    );
  line("begin");
  try {
    return await run();
  } finally {
    line("end");
  }
}

const { up, destroy, drift } = world.engine;
const engine: Engine = {
  ...world.engine,
  up: (spec, hooks) => noted(`${spec.tenant.tenantId} ${spec.plane.name}`, () => up(spec, hooks)),
  destroy: (target, hooks) => noted(keyOf(target), () => destroy(target, hooks)),
  drift: (target, hooks) => noted(keyOf(target), () => drift(target, hooks)),
};

const registry = await openRegistry({ url: settings.databaseUrl ?? "", poolSize: 5 });
const { cloud, databases } = world;
const service = await startService({
  ...{ settings, registry, engine, cloud, databases, log: createLog(settings) },
  images: createFakeImages(),
  checkAnswers: true,
});
process.stdout.write(`${JSON.stringify({ url: service.url, adminKey: service.firstAdminKey ?? null })}\n`);
process.on("SIGTERM", async () => {
  await service.stop();
  process.exit(0);
});
