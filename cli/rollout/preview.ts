import { setTimeout as sleep } from "node:timers/promises";
import type {
  RolloutDetail,
  RolloutPreview,
  RolloutPreviewGroup,
  RolloutTarget,
} from "../../contract/rollout.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { itemsOf } from "../commands/apiCommand.ts";
import type { Session } from "../commands/spec.ts";
import { EXIT, Failure } from "../exit.ts";
import { harmless } from "../io.ts";
import { bar, createLive } from "../show/live.ts";
import { groupText } from "./view.ts";

const POLL_MS = 500;

export function rolloutPath(rolloutId: string): string {
  return `/v1/control-plane/rollouts/${encodeURIComponent(rolloutId)}`;
}

export async function rolloutNow(session: Session, rolloutId: string, until = 0): Promise<RolloutDetail> {
  const call = { method: "get", path: rolloutPath(rolloutId) };
  const patient = until > Date.now() ? { patientUntil: until } : {};
  return (await session.client().call<RolloutDetail>({ ...call, ...patient })).body;
}

export interface WholePreview {
  readonly previewDigest: string;
  readonly groups: readonly RolloutPreviewGroup[];
  /** Targets that could not be previewed, with the reason. */
  readonly failed: readonly RolloutTarget[];
  readonly leftOut: RolloutPreview["leftOut"];
}

/** Waits until every target has been previewed, and reads all groups. */
export async function previewOf(session: Session, rolloutId: string, until: number): Promise<WholePreview> {
  const live = createLive(session.io);
  const path = `${rolloutPath(rolloutId)}/preview`;
  try {
    for (;;) {
      const call = { method: "get", path, patientUntil: Math.max(until, Date.now() + POLL_MS) };
      const { body } = await session.client().call<RolloutPreview>(call);
      if (body.previewDigest !== null) return await wholePreview(session, body, body.previewDigest);
      if (body.status !== "previewing")
        throw new Failure(EXIT.failed, `Cannot preview: the rollout ${rolloutId} is ${body.status}.`);
      const { previewed, failed, targets } = body.progress;
      live.draw([`previewing ${bar(session.io, previewed + failed, failed, targets)}`]);
      if (Date.now() >= until)
        throw new Failure(EXIT.incomplete, `Cannot wait longer for the preview of ${rolloutId}: it goes on.`);
      await sleep(POLL_MS);
    }
  } finally {
    live.end();
  }
}

async function wholePreview(
  session: Session,
  { rolloutId, leftOut }: RolloutPreview,
  previewDigest: string,
): Promise<WholePreview> {
  const groups: RolloutPreviewGroup[] = [];
  const failed: RolloutTarget[] = [];
  const path = rolloutPath(rolloutId);
  for await (const group of itemsOf<RolloutPreviewGroup>(session, { path: `${path}/preview` }))
    groups.push(group);
  for await (const target of itemsOf<RolloutTarget>(session, { path: `${path}/targets` }))
    if (target.status === "pending" && target.previewError !== null) failed.push(target);
  return { previewDigest, groups, failed, leftOut };
}

/** Replacements and deletions come first, as the service orders them. */
export async function tellPreview(
  session: Session,
  { groups, failed, leftOut, previewDigest }: WholePreview,
): Promise<void> {
  const { io } = session;
  const shown = groups.flatMap(({ targets }) => targets.map(({ tenantId }) => tenantId));
  const slugs = await slugsOf(session, [...shown, ...failed.map(({ tenantId }) => tenantId)]);
  const total = groups.reduce((sum, { targetCount }) => sum + targetCount, 0);
  io.out(`Preview of ${total} targets in ${groups.length} groups (${previewDigest.slice(0, 12)}):\n`);
  for (const group of groups) io.out(`${groupText(io, group, slugs)}\n`);
  for (const { tenantId, planeName, previewError } of failed)
    io.out(
      harmless(
        `  ${slugs.get(tenantId) ?? tenantId} on ${planeName} could not be previewed: ${previewError}`,
      ) + "\n",
    );
  for (const { status, reason, targetCount } of leftOut)
    io.out(
      `${harmless(`  ${targetCount} ${targetCount === 1 ? "target is" : "targets are"} ${status}: ${reason}`)}\n`,
    );
}

const MOST_LOOKED_UP = 50;

/** People know tenants by their slugs; a few look-ups are worth it. */
export async function slugsOf(session: Session, tenantIds: readonly string[]): Promise<Map<string, string>> {
  const ids = [...new Set(tenantIds)].slice(0, MOST_LOOKED_UP);
  const found = await Promise.all(
    ids.map(async (id) => {
      const call = { method: "get", path: `/v1/control-plane/tenants/${id}` };
      const { body } = await session.client().call<Tenant>(call);
      return [id, body.slug] as const;
    }),
  );
  return new Map(found);
}
