/**
 * The main job, end to end, in a data folder of its own: the plane by `pulumi up`, tenants over HTTP, drift found, traced to its
 * causes and repaired, a bad release that takes itself back, a good one in two waves, an entitlement given and taken back, routing rolled back under a real router,
 * what policies forbid, a suspension, an archiving and its way back, a decommissioning undone and one for good with its certificate,
 * and the audit trail verified.
 *
 * It promises that every figure is counted from the local cloud's listing, Pulumi's checkpoints or the registry file, or measured at
 * a reader or router that trusts signatures only, and never taken from what the service says of itself; what the service says is compared with them. It stops at the first
 * thing that does not hold, with exit code 1. Everything goes to standard error; `--json` adds one line on standard output.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Plane } from "../contract/plane.ts";
import { ensureLocalCloud, stopLocalCloud } from "../launcher/localCloud.ts";
import { Api } from "./api.ts";
import { verifyAudit } from "./audit.ts";
import { TenantData } from "./data.ts";
import { causeDrift, findDrift, repairDrift } from "./drift.ts";
import { overrideEntitlement } from "./entitlements.ts";
import { createRelease, createTenants, runForAll } from "./fleet.ts";
import { archiveAndRestore, decommission, suspendAndReactivate, verifyCertificate } from "./lifecycle.ts";
import { Listings } from "./listings.ts";
import { denyByPolicy } from "./policy.ts";
import { root, run, startService } from "./processes.ts";
import { provisioned, showInventory } from "./provision.ts";
import { rollOut } from "./rollout.ts";
import { rollBackRouting } from "./routing.ts";
import { check, dim, elapsedSeconds, line, step } from "./terminal.ts";

interface Figures {
  ok: boolean;
  tenants: number;
  resources: number;
  driftFound: number;
  driftCauses: number;
  driftRepaired: number;
  previewGroups: number;
  rolledBack: number;
  waves: number;
  /** From the request for an entitlement until a reader had verified it. */
  entitlementMs: number;
  /** The longest of two changes of routing, until a router answered by it. */
  routerReloadMs: number;
  /** In the audit chain of the tenant that policies protected. */
  policyDenials: number;
  /** Rows and objects that came back from the archive. */
  restored: number;
  leftovers: number;
  certificateVerified: boolean;
  auditEvents: number;
  auditVerified: boolean;
  seconds: number;
}

async function planeUp(dataDir: string, env: NodeJS.ProcessEnv): Promise<void> {
  step(
    "Bring up the shared plane: pulumi up --stack dev",
    "network, cluster, load balancer, router, buckets, key, database, roles",
  );
  let done = 0;
  await run(
    [join(root, "script/pulumi"), "up", "--stack", "dev", "--yes", "--non-interactive", "--skip-preview"],
    {
      env,
      logFile: join(dataDir, "plane.log"),
      onLine: (text) => {
        if (/ created( |$)/.test(text) && ++done % 20 === 0) line(dim(`${done} resources`));
      },
    },
  );
}

async function tell(dataDir: string, env: NodeJS.ProcessEnv): Promise<Figures> {
  const controlUrl = async () => (await ensureLocalCloud({ dataDir })).controlUrl;
  const listings = new Listings(dataDir, controlUrl);
  await planeUp(dataDir, env);
  const planeResources = await listings.cloud("plane");
  check(planeResources.length > 40, `the local cloud lists the plane: ${planeResources.length} resources`);

  step("Start the control service", "an API key is printed once; everything but health needs it");
  const service = await startService(dataDir, env);
  try {
    line(`API ${service.url}   interactive documentation ${new URL("/docs", service.url)}`);
    const api = new Api(service.url, service.adminKey);
    const plane = await api.call<Plane>("POST", "/planes", { environment: "dev" });
    line(`plane ${plane.name} read from its Pulumi state: account ${plane.accountId}`);

    step(
      "Provision three tenants at once, over HTTP",
      "one Pulumi stack each, in warm engine processes; live from the event streams",
    );
    await createRelease(api, "1.0.0");
    const tenants = await createTenants(api, plane.name);
    await runForAll(api, tenants, "activate", () => ({}));
    const { tenantCount, resourceCount } = await provisioned(listings, tenants);
    await showInventory(api);

    const caused = await causeDrift(listings, tenants);
    const found = await findDrift(api, caused);
    const repaired = await repairDrift(api, listings, caused);
    const { previewGroups, rolledBack, waves } = await rollOut(api, listings, tenants);
    const [starter, business] = tenants;
    if (starter === undefined || business === undefined)
      throw new Error("Cannot go on: three tenants must be");
    const entitlementMs = await overrideEntitlement(api, dataDir, starter);
    const routerReloadMs = await rollBackRouting(api, dataDir, plane.name);
    const policyDenials = await denyByPolicy(api, dataDir, business);
    await suspendAndReactivate(api, listings, business);
    const data = new TenantData(controlUrl, String(plane.outputs.dataBucketName));
    const restored = await archiveAndRestore(api, listings, data, tenants[0]);
    const leftovers = await decommission(api, listings, tenants[2]);
    const certificateVerified = await verifyCertificate(api, dataDir, env, tenants[2]);
    const audit = await verifyAudit(api, dataDir, env);
    return {
      ok: true,
      tenants: tenantCount,
      resources: resourceCount,
      driftFound: found.findings,
      driftCauses: found.causes,
      driftRepaired: repaired,
      previewGroups,
      rolledBack,
      waves,
      entitlementMs,
      routerReloadMs,
      policyDenials,
      restored,
      leftovers,
      certificateVerified,
      auditEvents: audit.events,
      auditVerified: audit.verified,
      seconds: elapsedSeconds(),
    };
  } finally {
    await service.stop();
  }
}

const usage = `Usage: script/demo [--keep DIR] [--json]

  --keep DIR  leave state, registry and listings in DIR
  --json      end with one line of figures on standard output
`;

function readOptions() {
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({ options: { json: flag, help: flag, keep: { type: "string" } } }).values;
  } catch (cause) {
    process.stderr.write(`Cannot start: ${(cause as Error).message}\n\n${usage}`);
    return undefined;
  }
}

async function main(): Promise<void> {
  const values = readOptions();
  if (values === undefined) {
    process.exitCode = 2;
    return;
  }
  if (values.help === true) return void process.stdout.write(usage);
  const dataDir =
    values.keep === undefined ? await mkdtemp(join(tmpdir(), "tenantry-demo-")) : resolve(values.keep);
  const env = { ...process.env, TENANTRY_DATA: dataDir, TENANTRY_CLOUD: "local" };
  try {
    const figures = await tell(dataDir, env);
    step("Done", `in ${figures.seconds} s`);
    line(
      `${figures.resources} resources for ${figures.tenants} tenants, ${figures.auditEvents} audit events`,
    );
    if (values.keep !== undefined)
      line(`everything is in ${dataDir}; the listings are in ${join(dataDir, "listings")}`);
    if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    process.stderr.write(`The data folder is kept for a look: ${dataDir}\n`);
    if (values.json) process.stdout.write(`${JSON.stringify({ ok: false, seconds: elapsedSeconds() })}\n`);
    process.exitCode = 1;
  } finally {
    await stopLocalCloud({ dataDir });
    if (values.keep === undefined && process.exitCode !== 1)
      await rm(dataDir, { recursive: true, force: true });
  }
}

await main();
