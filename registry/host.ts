import type { Bookkeeping } from "./bookkeeping.ts";
import type { Reader } from "./registry.ts";
import type { ProcessTable } from "./schema.ts";

/**
 * The processes of the control service, on whatever hosts. A lease names the process that holds it, and a process is named so that
 * it can be proved dead where it ran: by its host, its pid there, and when that pid was given to it. What cannot be
 * proved (another host, which may only be out of reach) is waited for instead; see operationLease.ts.
 */
export type ProcessFacts = Pick<ProcessTable, "processId" | "hostId" | "pid" | "processStartedAt" | "role">;

export interface HostRules {
  /** Refuse while a process of another host was heard of within this time: what they would share is a folder of one host. */
  readonly onlyHostForMs?: number;
}

export class OtherHostError extends Error {}

/** Throws OtherHostError when the rules forbid it. Processes that nobody needs to be told apart any more are forgotten. */
export async function processRegister(
  record: Bookkeeping,
  facts: ProcessFacts,
  rules: HostRules = {},
): Promise<void> {
  // Two that start at once see one another.
  await record.lock("processes");
  await refuseOtherHost(record, facts.hostId, rules, "start");
  const { now } = record;
  await record.db
    .insertInto("processes")
    .values({ ...facts, registeredAt: now, heartbeatAt: now, stoppedAt: null })
    .execute();
  await forget(record);
}

async function refuseOtherHost(
  record: Bookkeeping,
  hostId: string,
  { onlyHostForMs }: HostRules,
  what: "start" | "go on",
): Promise<void> {
  if (onlyHostForMs === undefined) return;
  const other = await record.db
    .selectFrom("processes")
    .select(["hostId", "pid", "heartbeatAt"])
    .where("hostId", "<>", hostId)
    .where("stoppedAt", "is", null)
    .where("heartbeatAt", ">", ago(record.now, onlyHostForMs))
    .orderBy("heartbeatAt", "desc")
    .executeTakeFirst();
  if (other === undefined) return;
  throw new OtherHostError(
    `Cannot ${what} on host ${hostId}: services on several hosts must share the Pulumi state, this one would keep it in a ` +
      `folder (file://), and process ${other.pid} of host ${other.hostId} was heard of at ${other.heartbeatAt}. ` +
      "Put the state where all hosts reach it, such as s3://, or stop the service on the other host.",
  );
}

/**
 * False when the process is not known (any more): it must register anew. Throws OtherHostError when the rules forbid it to
 * live: it was silent for so long that another host has begun meanwhile.
 */
export async function processHeartbeat(
  record: Bookkeeping,
  { processId, hostId }: Pick<ProcessFacts, "processId" | "hostId">,
  rules: HostRules = {},
): Promise<boolean> {
  if (rules.onlyHostForMs !== undefined) await record.lock("processes");
  await refuseOtherHost(record, hostId, rules, "go on");
  const { numUpdatedRows } = await record.db
    .updateTable("processes")
    .set({ heartbeatAt: record.now })
    .where("processId", "=", processId)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Says that the process has ended on purpose, and gives back whatever it still held. */
export async function processStop(record: Bookkeeping, processId: string): Promise<void> {
  const free = { processId: null, expiresAt: null };
  const { db, now } = record;
  await db.updateTable("processes").set({ stoppedAt: now }).where("processId", "=", processId).execute();
  await db
    .updateTable("operations")
    .set({ leaseOwner: null, leaseExpiresAt: null, dispatchedAt: null })
    .where("leaseOwner", "=", processId)
    .where("finishedAt", "is", null)
    .execute();
  await db
    .updateTable("stackLeases")
    .set({ ...free, holder: null })
    .where("processId", "=", processId)
    .execute();
  await db.updateTable("jobLeases").set(free).where("processId", "=", processId).execute();
}

/** Those that hold an operation, a stack or a job: of any other it does not matter whether it lives. */
export async function processesHolding(db: Reader): Promise<ProcessFacts[]> {
  return await processesHoldingQuery(db).execute();
}

/** Exported for the test that holds it to its indexes. */
export function processesHoldingQuery(db: Reader) {
  return db
    .selectFrom("processes")
    .select(["processId", "hostId", "pid", "processStartedAt", "role"])
    .where((eb) =>
      eb.or([
        eb.exists(
          eb
            .selectFrom("operations")
            .select("operationId")
            .whereRef("leaseOwner", "=", "processes.processId")
            .where("leaseOwner", "is not", null)
            .where("finishedAt", "is", null),
        ),
        eb.exists(
          eb.selectFrom("stackLeases").select("targetId").whereRef("processId", "=", "processes.processId"),
        ),
        eb.exists(
          eb.selectFrom("jobLeases").select("name").whereRef("processId", "=", "processes.processId"),
        ),
      ]),
    );
}

const FORGET_AFTER_MS = 86_400_000;

/** Silent for a day and holding nothing. */
async function forget(record: Bookkeeping): Promise<void> {
  const holding = (await processesHolding(record.db)).map(({ processId }) => processId);
  let silent = record.db.deleteFrom("processes").where("heartbeatAt", "<", ago(record.now, FORGET_AFTER_MS));
  if (holding.length > 0) silent = silent.where("processId", "not in", holding);
  await silent.execute();
}

function ago(now: string, ms: number): string {
  return new Date(Date.parse(now) - ms).toISOString();
}
