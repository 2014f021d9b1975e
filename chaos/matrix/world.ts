import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Plane } from "../../contract/plane.ts";
import { releaseBody } from "../../demo/fleet.ts";
import { stopLocalCloud } from "../../launcher/localCloud.ts";
import { type Client, createClient, Refused } from "../client.ts";
import { type CloudAccess, createCloudAccess } from "../cloudAccess.ts";
import type { Ledger } from "../ledger.ts";
import { Replica } from "../replica.ts";
import { readStateFolder, type StateReader } from "../stacks.ts";
import type { PlaneFacts } from "../tenantData.ts";
import { bringUpPlane, cleanEnvironment, createCloud, freePort } from "../world.ts";
import type { Blow } from "./interference.ts";
import { type Orders, readOrders, writeOrders } from "./orders.ts";

/** One installation in a folder: a plane on a local cloud, and one service whose steps do as they are ordered. */
export interface MatrixWorld {
  readonly client: Client;
  /** How often the service was started again after it had died. */
  restarts(): number;
  readonly registry: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly stateFolder: string;
  readonly state: StateReader;
  readonly plane: MatrixPlane;
  /** What goes wrong from now on; and what of it has not come to pass. */
  order(orders: Orders): void;
  left(): readonly Blow[];
  readonly cloud: CloudAccess;
  stop(): Promise<void>;
}

interface MatrixPlane extends PlaneFacts {
  readonly archiveBucketName: string;
}

export const PLANE = "dev-eu-west-1";
const REGION = "eu-west-1";
/** Versions of the two releases that tenants go to and fro between. */
export const VERSIONS = ["1.0.0", "2.0.0"] as const;
/** As fast as it can: here it is the place that counts at which something breaks, and not the moment. */
const PROFILE = { latencyMs: 0, jitterMs: 0, dataLatencyMs: 0, ecsSteadyMs: 100 };
const SUPERVISED_EVERY_MS = 20;
/** Nothing comes by itself that would change what is compared. */
const FLAGS = [
  ...["--reconcile", "off", "--drift-policy", "dev=report", "--health-poll-ms", "60000"],
  ...[
    "--steady-poll-ms",
    "50",
    "--steady-timeout-ms",
    "60000",
    "--engine-workers",
    "1",
    "--drain-ms",
    "5000",
  ],
];

export async function openMatrixWorld(dataDir: string, ledger: Ledger): Promise<MatrixWorld> {
  const ordersFile = join(dataDir, "orders.json");
  const stateFolder = join(dataDir, "state");
  const environment = cleanEnvironment({
    ...{ TENANTRY_DATA: dataDir, TENANTRY_CLOUD: "local", MATRIX_ORDERS: ordersFile },
  });
  const cloud = createCloud(dataDir);
  await bringUpPlane(dataDir, environment, cloud, ledger, PROFILE);
  const options = { name: "one", dataDir, port: await freePort(), flags: FLAGS, env: environment };
  const service = new Replica({ ...options, program: "chaos/matrix/service.ts" }, ledger);
  service.start();
  // Nothing of it may outlive a start that fails.
  await service.untilReady().catch((thrown: unknown) => service.stop().then(() => Promise.reject(thrown)));
  const supervisor = supervise(service);
  const client = createClient({ ledger, key: service.adminKey ?? "", urls: [service.url] });
  for (const version of VERSIONS) await client.call("POST", "/releases", releaseBody(version));
  const { outputs } = await recordedPlane(client);
  return {
    ...{ client, environment, stateFolder, restarts: supervisor.restarts },
    plane: outputs as unknown as MatrixPlane,
    cloud: createCloudAccess(REGION, cloud.controlUrl),
    registry: join(dataDir, "registry.sqlite"),
    state: readStateFolder(stateFolder),
    order: (orders) => writeOrders(ordersFile, orders),
    left: () => readOrders(ordersFile).blows.filter(({ left }) => left > 0),
    async stop() {
      supervisor.stop();
      await service.stop();
      await stopLocalCloud({ dataDir });
    },
  };
}

/** Starts the service again as soon as it has died. */
function supervise(service: Replica) {
  let restarts = 0;
  const timer = setInterval(() => {
    if (service.pid !== undefined) return;
    restarts += 1;
    service.start();
  }, SUPERVISED_EVERY_MS);
  return { restarts: () => restarts, stop: () => clearInterval(timer) };
}

/** The service records its planes after it has begun to listen. */
async function recordedPlane(client: Client): Promise<Plane> {
  for (let left = PLANE_LOOKS; ; left -= 1) {
    try {
      return await client.call<Plane>("GET", `/planes/${PLANE}`);
    } catch (thrown) {
      if (!(thrown instanceof Refused && thrown.status === 404) || left === 0) throw thrown;
      await sleep(PLANE_LOOK_MS);
    }
  }
}

const PLANE_LOOKS = 300;
const PLANE_LOOK_MS = 200;
