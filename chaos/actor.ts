import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "../contract/common.ts";
import type { DriftScan } from "../contract/drift.ts";
import type { Operation, OperationAccepted, OperationDetail } from "../contract/operation.ts";
import type { Release } from "../contract/release.ts";
import type { Target } from "../contract/target.ts";
import type { Tenant } from "../contract/tenant.ts";
import type { TenantStatus } from "../contract/vocabulary.ts";
import { releaseBody } from "../demo/fleet.ts";
import type { CloudResource } from "../demo/listings.ts";
import { AT_ONCE_MS, type Client, Refused } from "./client.ts";
import type { Ledger } from "./ledger.ts";
import { type Action, type Deed, life } from "./plan.ts";
import type { Random } from "./random.ts";
import type { TenantData } from "./tenantData.ts";

/** What everybody in a run shares. */
export interface Stage {
  readonly client: Client;
  readonly ledger: Ledger;
  readonly plane: string;
  /** What the lives are drawn to at the moment. */
  drawnTo(): ReadonlySet<Action>;
  /** Operations that were promised with a 202. */
  readonly promised: Set<string>;
  /** Set when no new deed is to be begun. */
  stopping: boolean;
  /** Set when nothing is killed any more: from then on a failure is nobody's fault but the service's. */
  calm: boolean;
  change(tenantId: string): Promise<CloudResource | undefined>;
  readonly data: TenantData;
}

/** A tenant as its owner believes it to be. */
export interface Belief {
  readonly tenantId: string;
  readonly slug: string;
  status: TenantStatus;
  /** The last release that was deployed; none before the first activation. */
  release: number | undefined;
  /** Rows and objects that its services have written, numbered from 1. */
  written: number;
}

/** A person repeats what failed so often while things are killed around them, and so often afterwards. */
const TRIES = 40;
const CALM_TRIES = 4;
const SCAN_WAIT_MS = 10 * 60_000;
const POLL_MS = 200;
/** While clouds and databases are killed. */
const WRITE_WITHIN_MS = 3 * 60_000;

/** Leads tenant after tenant through its life until the stage is stopped; what it believes is checked at the end. */
export async function act(stage: Stage, seat: number, random: Random, beliefs: Belief[]): Promise<void> {
  for (let number = 1; !stage.stopping; number += 1) {
    const own = random.fork(`life ${number}`);
    const belief = await create(stage, `t${seat}-${number}-${own.whole(0xffff).toString(16)}`);
    beliefs.push(belief);
    for (const deed of life(own, stage.drawnTo)) {
      if (stage.stopping) break;
      if (!(await fulfil(stage, belief, deed))) return;
    }
  }
}

async function create({ client, plane }: Stage, slug: string): Promise<Belief> {
  const body = { slug, displayName: slug, plan: "starter", planes: [plane] };
  const { tenantId } = await client.call<Tenant>("POST", "/tenants", body);
  return { tenantId, slug, status: "draft", release: undefined, written: 0 };
}

/** Repeats the deed until it is done. False when even in calm it could not be. */
async function fulfil(stage: Stage, belief: Belief, deed: Deed): Promise<boolean> {
  let calmTries = 0;
  for (let turn = 1; turn <= TRIES && calmTries < CALM_TRIES; turn += 1) {
    if (stage.calm) calmTries += 1;
    const done = await attempt(stage, belief, deed, turn).catch((error: unknown) => {
      if (!(error instanceof Refused)) throw error;
      return refused(stage, belief, deed, error);
    });
    if (done) return true;
    await sleep(POLL_MS + deed.dice * POLL_MS);
  }
  stage.ledger.violation(`${belief.slug}: ${deed.action} could not be done, however often it was asked for`);
  return false;
}

async function attempt(stage: Stage, belief: Belief, deed: Deed, turn: number): Promise<boolean> {
  const cancelled = deed.cancel && turn === 1;
  if (deed.action === "regret" && !(await part(stage, belief, deed, cancelled))) return false;
  if (!(await ended(stage, belief, deed, await ask(stage, belief, deed), cancelled))) return false;
  return confirm(stage, belief, deed);
}

/** Whether everything that was accepted has succeeded. */
async function ended(
  stage: Stage,
  belief: Belief,
  deed: Deed,
  { operations }: OperationAccepted,
  cancelled: boolean,
): Promise<boolean> {
  for (const { operationId } of operations) stage.promised.add(operationId);
  const ends = await Promise.all(
    operations.map((operation) => finish(stage, operation, cancelled, deed.dice)),
  );
  const failed = ends.filter(({ status }) => status !== "succeeded");
  for (const { operationId, kind, status, error } of failed) {
    const why = error === null ? "" : ` (${error.code}: ${error.message.split("\n")[0]})`;
    stage.ledger.say(`${belief.slug}: ${kind} ${operationId} ${status}${why}`);
    if (status === "failed" && (error === null || error.message === "" || error.code === "internal"))
      stage.ledger.violation(`${kind} ${operationId} failed without saying what a person can do${why}`);
  }
  return failed.length === 0;
}

/** The first half of a regret: the tenant is given up, with a time in which that can be undone. */
async function part(stage: Stage, belief: Belief, deed: Deed, cancelled: boolean): Promise<boolean> {
  const path = `/tenants/${belief.tenantId}`;
  const { status } = await stage.client.call<Tenant>("GET", path);
  // An earlier try has come further than this.
  if (status !== deed.to) return true;
  const body = { confirmSlug: belief.slug, reason: "by chance", graceHours: 1 };
  const accepted = await stage.client.call<OperationAccepted>("POST", `${path}/decommission`, body);
  return ended(stage, belief, deed, accepted, cancelled);
}

/** What the service says of the tenant when all has succeeded. While it is active its services write. */
async function confirm(stage: Stage, belief: Belief, deed: Deed): Promise<boolean> {
  const { client, ledger } = stage;
  const { status } = await client.call<Tenant>("GET", `/tenants/${belief.tenantId}`);
  if (status !== deed.to)
    ledger.violation(`${belief.slug}: is ${status} after ${deed.action}, and must be ${deed.to}`);
  belief.status = deed.to;
  if (status === "active") await write(stage, belief);
  return true;
}

async function write({ data, ledger }: Stage, belief: Belief): Promise<void> {
  const deadline = Date.now() + WRITE_WITHIN_MS;
  for (;;) {
    try {
      await data.write(belief.tenantId, belief.written + 1);
      belief.written += 1;
      return;
    } catch (thrown) {
      if (Date.now() > deadline)
        return ledger.violation(`${belief.slug} is active, and its services cannot write: ${String(thrown)}`);
      await sleep(POLL_MS);
    }
  }
}

async function finish(
  { client }: Stage,
  { operationId }: Operation,
  cancel: boolean,
  dice: number,
): Promise<OperationDetail> {
  const path = `/operations/${operationId}`;
  if (cancel) {
    await sleep(dice * 2_500);
    await cancelOperation(client, operationId);
  }
  await client.follow(operationId);
  return client.call<OperationDetail>("GET", path);
}

/** Asked for without rest: where the service is away, it is to come before the operation goes on. */
export async function cancelOperation(client: Client, operationId: string): Promise<void> {
  const body = { reason: "somebody changed their mind" };
  await client.call("POST", `/operations/${operationId}/cancel`, body, AT_ONCE_MS).catch(unlessRefused);
}

/** Ended meanwhile: then there is nothing to cancel. */
function unlessRefused(error: unknown): void {
  if (!(error instanceof Refused)) throw error;
}

/** A refusal is right when an earlier attempt has gone through after all, or something else is under way. */
async function refused(stage: Stage, belief: Belief, deed: Deed, error: Refused): Promise<boolean> {
  const { client, ledger } = stage;
  const { code, operationId } = error.problem;
  if (code === "operation_in_progress") {
    if (operationId !== undefined) await client.follow(operationId);
    return false;
  }
  if (code === "illegal_transition") {
    const { status } = await client.call<Tenant>("GET", `/tenants/${belief.tenantId}`);
    if (status === deed.to) return confirm(stage, belief, deed);
  }
  ledger.violation(`${belief.slug}: ${deed.action} was refused: ${error.message}`);
  return false;
}

async function ask(stage: Stage, belief: Belief, deed: Deed): Promise<OperationAccepted> {
  const { client } = stage;
  const path = `/tenants/${belief.tenantId}`;
  const reason = "by chance";
  switch (deed.action) {
    case "activate":
      return client.call("POST", `${path}/activate`, {});
    case "deploy": {
      const release = await client.call<Release>("POST", "/releases", releaseBody(`1.${newVersion()}.0`));
      belief.release = release.number;
      return client.call("POST", `${path}/deploy`, { releaseNumber: release.number });
    }
    case "suspend":
    case "reactivate":
    case "archive":
    case "restore":
      return client.call("POST", `${path}/${deed.action}`, { reason });
    case "decommission":
      return client.call("POST", `${path}/decommission`, {
        confirmSlug: belief.slug,
        reason,
        immediately: true,
      });
    case "rotate":
      return client.call("POST", `${path}/rotate-credentials`, { reason });
    case "regret":
      return takeBack(stage, belief);
    case "repair":
      return repair(stage, belief);
  }
}

/** Once undone, what is left is to start what the end of the tenant had stopped, if that was cancelled or failed. */
async function takeBack({ client }: Stage, { tenantId }: Belief): Promise<OperationAccepted> {
  const path = `/tenants/${tenantId}`;
  const { status } = await client.call<Tenant>("GET", path);
  const action = status === "decommissioning" ? "decommission/undo" : "reactivate";
  return client.call("POST", `${path}/${action}`, { reason: "the contract was renewed" });
}

let versions = 0;

function newVersion(): number {
  versions += 1;
  return versions;
}

/** Somebody changes an object by hand; a scan of the tenant finds it and a repair puts it right. */
async function repair({ client, change }: Stage, belief: Belief): Promise<OperationAccepted> {
  await change(belief.tenantId);
  const scope = { tenantIds: [belief.tenantId] };
  const scan = await client.call<DriftScan>("POST", "/drift/scans", scope);
  await scanned(client, scan);
  return client.call("POST", "/drift/repairs", { ...scope, reason: "by chance" });
}

export async function scanned(client: Client, { scanId }: DriftScan): Promise<DriftScan> {
  const deadline = Date.now() + SCAN_WAIT_MS;
  for (;;) {
    const scan = await client.call<DriftScan>("GET", `/drift/scans/${scanId}`);
    if (scan.finishedAt !== null) return scan;
    if (Date.now() > deadline)
      throw new Error(`Cannot go on: drift scan ${scanId} must end within ${SCAN_WAIT_MS / 1_000} s`);
    await sleep(POLL_MS);
  }
}

export function targetsOf(client: Client, tenantId: string): Promise<Page<Target>> {
  return client.call("GET", `/tenants/${tenantId}/targets`);
}
