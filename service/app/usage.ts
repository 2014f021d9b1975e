import type { Page } from "../../contract/common.ts";
import { issueText } from "../../contract/issueText.ts";
import {
  USAGE_LIMITS,
  type UsageEvent,
  type UsageEventListQuery,
  type UsageExportQuery,
  type UsageIngest,
  type UsageIngested,
  type UsageRecord,
  type UsageResult,
  type UsageTotal,
  type UsageTotalListQuery,
  usageEventSchema,
} from "../../contract/usage.ts";
import { meterGet } from "../../registry/meter.ts";
import type { Reader } from "../../registry/registry.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { usageIngest as registryIngest, USAGE_SCOPE } from "../../registry/usageIngest.ts";
import type { UsageVerdict } from "../../registry/usageJudge.ts";
import * as reads from "../../registry/usageRead.ts";
import { keepDays } from "../audit/retention.ts";
import { exportUsage } from "../metering/export.ts";
import { tellSignals } from "../metering/signals.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

const HOUR_MS = 3_600_000;
/** A century: longer than anything is corrected. */
const FOR_EVER_DAYS = 36_500;

/**
 * Counts what is new of a batch. An event that is wrong is told so and keeps no other from being counted; only what the
 * registry says after its commit is answered as accepted.
 */
export async function usageIngest(context: RequestContext, input: UsageIngest): Promise<UsageIngested> {
  await authorize(context, "usageIngest");
  const read = input.events.map(readEvent);
  const events = read.flatMap((one) => ("event" in one ? [one.event] : []));
  const options = {
    latenessMs: context.settings.usageLatenessHours * HOUR_MS,
    retentionMs: ((await keepDays(context, "usage")) ?? FOR_EVER_DAYS) * 24 * HOUR_MS,
    clockSkewMs: USAGE_LIMITS.clockSkewMs,
    overQuota: input.overQuota,
  };
  let signals = false;
  const answer = await changeAs(
    context,
    async (change) => {
      if (events.length === 0) return answerOf(null, input.events, read, []);
      const batch = await registryIngest(change, events, options);
      signals = batch.signals;
      return answerOf(batch.batchId, input.events, read, batch.verdicts);
    },
    USAGE_SCOPE,
  );
  for (const { status } of answer.results) context.metrics.usageEvents.inc({ status });
  // It is written down; whoever sent the batch need not wait until it is told.
  if (signals) void tellSignals(context);
  return answer;
}

type ReadEvent = { readonly event: UsageEvent } | { readonly refusal: UsageVerdict };

function readEvent(sent: unknown): ReadEvent {
  const result = usageEventSchema.safeParse(sent);
  if (result.success) return { event: result.data };
  const [issue] = result.error.issues;
  const path = issue?.path.join(".") ?? "";
  const text = issue === undefined ? "is not valid" : wordsFor(issue);
  const message = path === "" ? text : `${path} ${text}`;
  return { refusal: { status: "rejected", reason: "invalid_event", message } };
}

type Issue = Parameters<typeof issueText>[0];

function wordsFor(issue: Issue): string {
  if (issue.code === "unrecognized_keys") return `has unknown fields: ${issue.keys.join(", ").slice(0, 200)}`;
  return issueText(issue);
}

function answerOf(
  batchId: string | null,
  sent: readonly unknown[],
  read: readonly ReadEvent[],
  verdicts: readonly UsageVerdict[],
): UsageIngested {
  let place = 0;
  const results = read.map((one, index): UsageResult => {
    const verdict = "event" in one ? verdicts[place++] : one.refusal;
    const eventId = "event" in one ? one.event.eventId : idOf(sent[index]);
    if (verdict?.status === "rejected") {
      const { reason, message } = verdict;
      return { index, eventId, status: "rejected", reason, message };
    }
    return { index, eventId, status: verdict?.status ?? "accepted", reason: null, message: null };
  });
  const count = (status: UsageResult["status"]) => results.filter((one) => one.status === status).length;
  const counts = { accepted: count("accepted"), duplicates: count("duplicate"), rejected: count("rejected") };
  return { batchId, ...counts, results };
}

/** Of an event that cannot be read, so that its sender finds it again. */
function idOf(sent: unknown): string | null {
  const id = typeof sent === "object" && sent !== null && "eventId" in sent ? sent.eventId : undefined;
  return typeof id === "string" && id.length <= USAGE_LIMITS.eventIdChars ? id : null;
}

export async function usageEventList(
  context: RequestContext,
  query: UsageEventListQuery,
): Promise<Page<UsageRecord>> {
  await authorize(context, "usageEventList", query.tenantId);
  return context.registry.read(async (db) => {
    await requireSubjects(db, query);
    return reads.usageEventList(db, query);
  });
}

export async function usageTotalList(
  context: RequestContext,
  query: UsageTotalListQuery,
): Promise<Page<UsageTotal>> {
  await authorize(context, "usageTotalList", query.tenantId);
  return context.registry.read(async (db) => {
    await requireSubjects(db, query);
    return reads.usageTotalList(db, query);
  });
}

/** The text of the export in pieces, read as fast as they are taken. */
export async function usageExport(
  context: RequestContext,
  query: UsageExportQuery,
): Promise<AsyncIterable<string>> {
  await authorize(context, "usageExport", query.tenantId);
  await context.registry.read((db) => requireSubjects(db, query));
  return exportUsage(context.registry, query);
}

interface Subjects {
  readonly tenantId?: string | undefined;
  readonly meter?: string | undefined;
}

/** A name that is nobody's would answer an empty list, which reads like "nothing was used". */
async function requireSubjects(db: Reader, { tenantId, meter }: Subjects): Promise<void> {
  if (tenantId !== undefined) await tenantGet(db, tenantId);
  if (meter !== undefined) await meterGet(db, meter);
}
