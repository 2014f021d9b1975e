import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  openRegistry,
  type Registry,
  type RegistryLocation,
  type RegistryTuning,
} from "../../registry/registry.ts";
import { readSettings } from "../../service/config.ts";
import { createLog } from "../../service/log.ts";
import { type RunningService, startService } from "../../service/service.ts";
import { SERVICE_NAMES } from "../../stacks/tenant/spec.ts";
import { createFakeImages } from "./fakeImages.ts";
import { createFakeWorld, type FakeWorld } from "./fakes.ts";

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are checked against the contract by the service itself
  readonly body: any;
  readonly headers: Headers;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly raw?: string;
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
}

export interface TestService {
  readonly world: FakeWorld;
  /** Every image that was looked up. */
  readonly imagesAsked: readonly string[];
  readonly dataDir: string;
  readonly adminKey: string;
  readonly registry: () => Registry;
  readonly url: () => string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Ends the service as a kill would for the registry: nothing more is written. */
  restart(settings?: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export const controlPlane = "/v1/control-plane";

/** The whole service on a stand-in engine and cloud, behind its real HTTP door. Every answer is held against the contract. */
export async function startTestService(
  flags: readonly string[] = [],
  tuning: Pick<RegistryTuning, "now"> & { readonly location?: RegistryLocation } = {},
): Promise<TestService> {
  const dataDir = mkdtempSync(path.join(tmpdir(), "tenantry-service-"));
  const world = createFakeWorld();
  const images = createFakeImages();
  let registry: Registry;
  let running: RunningService;
  let adminKey = "";

  async function start(more: readonly string[]): Promise<void> {
    const quick = ["--steady-poll-ms", "50", "--steady-timeout-ms", "1000", "--drain-ms", "0"];
    // Drift is repaired by the tests that are about it.
    const drift = ["--drift-policy", "dev=report"];
    const grace = ["--decommission-grace-ms", "0"];
    // A port nobody listens on: no test asks the machine's DNS.
    const dns = ["--dns-servers", "127.0.0.1:9"];
    const settings = readSettings(
      [
        "--data-dir",
        dataDir,
        "--port",
        "0",
        "--log-level",
        "warn",
        ...quick,
        ...drift,
        ...grace,
        ...dns,
        ...flags,
        ...more,
      ],
      {},
    );
    const { location = { file: path.join(dataDir, "registry.sqlite") }, ...rest } = tuning;
    registry = await openRegistry({ ...location, ...rest });
    const { engine, cloud, databases } = world;
    running = await startService({
      ...{ settings, registry, engine, cloud, databases, images, log: createLog(settings) },
      checkAnswers: true,
    });
    adminKey = running.firstAdminKey ?? adminKey;
  }
  await start([]);

  return {
    world,
    imagesAsked: images.asked,
    dataDir,
    get adminKey() {
      return adminKey;
    },
    registry: () => registry,
    url: () => running.url,
    async call(method, at, { body, raw, key = adminKey, headers = {} } = {}) {
      const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
      const response = await fetch(`${running.url}${at}`, {
        method,
        headers: {
          ...(content === undefined ? {} : { "content-type": "application/json" }),
          ...(key === null ? {} : { authorization: `Bearer ${key}` }),
          ...headers,
        },
        ...(content === undefined ? {} : { body: content }),
      });
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.match(/[/+]json/) != null;
      return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
    },
    async restart(more = []) {
      await running.stop();
      await start(more);
    },
    stop: () => running.stop(),
  };
}

export function releaseBody(version: string) {
  const services = Object.fromEntries(
    SERVICE_NAMES.map((name) => [name, { image: `registry.example/${name}:${version}`, environment: {} }]),
  );
  return { description: version, services };
}

export const plane = "dev-eu-west-1";

export async function createTenant(service: TestService, slug: string, more: object = {}): Promise<string> {
  const body = { slug, displayName: slug, plan: "starter", planes: [plane], ...more };
  const answer = await service.call("POST", `${controlPlane}/tenants`, { body });
  if (answer.status !== 201) throw new Error(`cannot create ${slug}: ${JSON.stringify(answer.body)}`);
  return answer.body.tenantId;
}

export async function createRelease(service: TestService, version: string): Promise<number> {
  const answer = await service.call("POST", `${controlPlane}/releases`, { body: releaseBody(version) });
  if (answer.status !== 201) throw new Error(`cannot make a release: ${JSON.stringify(answer.body)}`);
  return answer.body.number;
}

export async function waitFor<T>(
  what: string,
  read: () => Promise<T | undefined>,
  limitMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`gave up waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** The operation when it has ended. */
// biome-ignore lint/suspicious/noExplicitAny: see Answer
export function ended(service: TestService, operationId: string): Promise<any> {
  return waitFor(`operation ${operationId}`, async () => {
    const { body } = await service.call("GET", `${controlPlane}/operations/${operationId}`);
    return body.finishedAt === null ? undefined : body;
  });
}

/** Asks for something that gives operations and waits until all have ended. */
// biome-ignore lint/suspicious/noExplicitAny: see Answer
export async function run(service: TestService, at: string, body: object = {}): Promise<any[]> {
  const answer = await service.call("POST", `${controlPlane}${at}`, { body });
  if (answer.status !== 202) throw new Error(`POST ${at}: ${answer.status} ${JSON.stringify(answer.body)}`);
  const ids: string[] = answer.body.operations.map(
    (operation: { operationId: string }) => operation.operationId,
  );
  return Promise.all(ids.map((id) => ended(service, id)));
}

const tables = [
  ...["tenantWords", "tenantContacts", "tenantExternalIds"],
  ...["planes", "tenants", "tenantLabels", "tenantVersions", "targets", "targetObservations", "releases"],
  ...["operations", "operationJournal", "auditEvents", "auditHeads", "outbox", "apiKeys", "idempotencyKeys"],
  ...["driftScans", "driftScanTargets", "driftFindings", "driftScanFindings", "driftSchedules"],
  ...["driftCauses", "driftCauseEpisodes", "driftIgnores", "rollouts", "rolloutTargets"],
  ...["rolloutPlanes", "rolloutWaves", "rolloutPreviewGroups"],
  ...[
    "routes",
    "routingVersions",
    "routingSnapshots",
    "routingEntries",
    "domains",
    "domainLooks",
    "placements",
  ],
  ...["stackLeases", "interruptedCalls", "queueTurns", "breakers"],
  ...["tenantManifests"],
  ...["archives", "decommissions", "signingKeys", "certificates"],
  ...["releaseImages", "pins", "changeWindows", "flags", "flagOverrides"],
  ...["plans", "planVersions", "capabilities", "entitlementOverrides", "entitlementBundles"],
  ...["incidents", "incidentSubjects", "incidentNotes"],
  ...["integrations"],
  ...["policyLoads", "residencyEndpoints"],
  ...["meters", "usageEvents", "usageTotals", "usageMarks", "usageSignals", "limitOverrides"],
  ...["auditReasonWords", "auditStarts", "auditCheckpoints", "auditAnchors", "retentionSchedules"],
] as const;

/** Every row of the registry, but for when a key was last used. */
export async function dump(service: TestService): Promise<string> {
  const rows = await service.registry().read(async (db) => {
    const found: unknown[] = [];
    for (const table of tables)
      found.push([
        table,
        await db
          .selectFrom(table as "tenants")
          .selectAll()
          .execute(),
      ]);
    return found;
  });
  return JSON.stringify(rows);
}
