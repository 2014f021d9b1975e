/**
 * script/chaos: random lives of tenants over HTTP while everything that serves them is killed, and then the count of what is
 * left.
 *
 * It promises that the plan (lives, kinds of kills, their order) follows from the seed alone, that only processes of its
 * own making are killed, and that the verdict is read from the registry, the state backend and the cloud, not from what
 * a service says of itself. It does not promise that a run repeats exactly: at which instant a kill meets which step is the
 * machine's affair. Standard output has one line of JSON, standard error what happens; exit code 0 says that all is clean.
 * When it is not, the data folder stays, and is named.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Plane } from "../contract/plane.ts";
import type { OperationKind } from "../contract/vocabulary.ts";
import { releaseBody } from "../demo/fleet.ts";
import { Listings, ofTenant } from "../demo/listings.ts";
import { act, type Belief, cancelOperation, type Stage } from "./actor.ts";
import { createClient } from "./client.ts";
import { createCloudAccess } from "./cloudAccess.ts";
import { createKiller } from "./killer.ts";
import type { Ledger } from "./ledger.ts";
import { type Options, readOptions } from "./options.ts";
import { ACTION_OF, type Action, killPlan, VICTIMS, type Victim } from "./plan.ts";
import { openPostgresWorld } from "./postgresWorld.ts";
import { runInFolder } from "./program.ts";
import { createRandom } from "./random.ts";
import { operationOfStepKind, stepKinds } from "./stepKinds.ts";
import { createTally, type Tally, WANTED_HITS } from "./tally.ts";
import { createTenantData, type PlaneFacts } from "./tenantData.ts";
import { judge } from "./verdict.ts";
import { watchOverlaps } from "./watch.ts";
import { openSqliteWorld, type World } from "./world.ts";

const PLANE = "dev-eu-west-1";
const REGION = "eu-west-1";
const SETTLE_WITHIN_MS = 15 * 60_000;
/** From so many kills on every step kind must have been hit. */
const LONG_RUN_KILLS = 200;
/** Lives go to so many kinds of operations at a time before others. */
const DRAWN_TO = 3;
const NEEDS_HOSTS: ReadonlySet<Victim> = new Set(["host", "partition", "database"]);

function createStage(world: World, ledger: Ledger, tally: Tally): Stage {
  const listings = new Listings(world.dataDir, () => world.cloud.controlUrl());
  const key = world.replicas.find(({ adminKey }) => adminKey !== undefined)?.adminKey ?? "";
  const urls = world.replicas.map(({ url }) => url);
  const client = createClient({ ledger, key, urls });
  const cloud = createCloudAccess(REGION, () => world.cloud.controlUrl());
  const plane = async () => {
    const { outputs } = await client.call<Plane>("GET", `/planes/${PLANE}`);
    return outputs as unknown as PlaneFacts;
  };
  return {
    ...{ ledger, plane: PLANE, promised: new Set<string>(), stopping: false, calm: false },
    drawnTo: () => new Set(rarest(tally)),
    client,
    data: createTenantData(cloud, plane),
    async change(tenantId) {
      const queue = ofTenant(await listings.cloud("by-hand"), tenantId).find(({ type }) =>
        /queue:Queue$/.test(type),
      );
      if (queue !== undefined) await listings.byHand("PATCH", queue, { visibilityTimeoutSeconds: 7 });
      return queue;
    },
  };
}

/** The actions whose operations lack most of their hits. */
function rarest(tally: Tally): Action[] {
  const kinds = Object.keys(ACTION_OF) as OperationKind[];
  const lacks = (kind: OperationKind) => {
    const isOwn = (step: string) => operationOfStepKind(step) === kind;
    return tally.missing(isOwn) / stepKinds().filter(isOwn).length;
  };
  const lacking = kinds.map((kind) => ({ kind, lacks: lacks(kind) })).filter((one) => one.lacks > 0);
  return lacking
    .sort((a, b) => b.lacks - a.lacks)
    .slice(0, DRAWN_TO)
    .map(({ kind }) => ACTION_OF[kind]);
}

async function run(options: Options, dataDir: string, ledger: Ledger): Promise<boolean> {
  const random = createRandom(options.seed);
  const world =
    options.database === "sqlite"
      ? await openSqliteWorld({ dataDir, ledger })
      : await openPostgresWorld({ dataDir, ledger, replicas: options.replicas });
  // Nothing of it may outlive whoever started it.
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    // The package of PostgreSQL has listeners of its own, which end the program before it has cleared up.
    process.removeAllListeners(name);
    process.once(name, () => void world.stop(true).finally(() => process.exit(1)));
  }
  let isClean = false;
  try {
    const tally = createTally(stepKinds());
    const stage = createStage(world, ledger, tally);
    const beliefs: Belief[] = [];
    const watch = watchOverlaps(world, ledger);
    await stage.client.call("POST", "/releases", releaseBody("1.0.0"));
    const seats = Array.from({ length: options.tenants }, (_, seat) =>
      act(stage, seat + 1, random.fork(`seat ${seat + 1}`), beliefs),
    );
    const lives = Promise.all(seats);
    const victims = VICTIMS.filter((victim) => options.database === "postgres" || !NEEDS_HOSTS.has(victim));
    const cancel = (operationId: string) =>
      cancelOperation(stage.client, operationId).catch((error: unknown) =>
        ledger.violation(`${operationId} could not be cancelled: ${String(error)}`),
      );
    const patience = Math.min(1, options.kills / LONG_RUN_KILLS);
    const killer = createKiller({
      ...{ world, tally, ledger, patience, cancel },
      random: random.fork("killer"),
    });
    await killer.run(killPlan(random.fork("kills"), options.kills, victims), options.minutes);
    Object.assign(stage, { stopping: true, calm: true });
    ledger.say("nothing is killed any more; letting everything settle");
    await settled(world, lives, ledger);
    watch.stop();
    const verdict = await judge({ world, stage, state: world.state, beliefs, ledger });
    for (const line of tally.table()) process.stderr.write(`${line}\n`);
    const rare = tally.wanted();
    const words = `${rare.length} step kinds were hit fewer than ${WANTED_HITS} times: ${rare.join(", ")}`;
    if (rare.length > 0 && options.kills >= LONG_RUN_KILLS) ledger.violation(words);
    const invariants = ledger.violations.length === 0 ? "ok" : ledger.violations;
    process.stdout.write(`${JSON.stringify({ kills: options.kills, ...verdict, invariants })}\n`);
    const { operations, auditVerified, ...faults } = verdict;
    isClean =
      operations > 0 && auditVerified && invariants === "ok" && Object.values(faults).every((n) => n === 0);
    return isClean;
  } finally {
    await world.stop(!isClean || options.keep !== undefined);
  }
}

/** All services and the cloud up, all lives at a rest, no operation unfinished. Bounded: what is not done then is stuck. */
async function settled(world: World, lives: Promise<unknown>, ledger: Ledger): Promise<void> {
  for (const replica of world.replicas) replica.start();
  await world.cloud.ensure();
  await Promise.all(world.replicas.map((replica) => replica.untilReady()));
  const deadline = Date.now() + SETTLE_WITHIN_MS;
  const late = new AbortController();
  const tooLate = sleep(SETTLE_WITHIN_MS, true, { signal: late.signal }).catch(() => false);
  if (await Promise.race([lives.then(() => false), tooLate]))
    ledger.violation(`lives did not come to a rest within ${SETTLE_WITHIN_MS / 60_000} minutes`);
  late.abort();
  while (Date.now() < deadline) {
    const open = (await world.observer.operations()).filter(({ finishedAt }) => finishedAt === null);
    if (open.length === 0) return;
    await sleep(500);
  }
}

const options = readOptions();
await runInFolder("chaos", options.keep, (dataDir, ledger) => run(options, dataDir, ledger));
