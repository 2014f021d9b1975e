import { setTimeout as sleep } from "node:timers/promises";
import type { RolloutDetail, RolloutTarget } from "../../contract/rollout.ts";
import { hasEnded } from "../../contract/rolloutActions.ts";
import { itemsOf } from "../commands/apiCommand.ts";
import type { Session } from "../commands/spec.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { harmless } from "../io.ts";
import { createLive, type Live } from "../show/live.ts";
import { durationMs } from "../show/time.ts";
import { rolloutNow, rolloutPath, slugsOf } from "./preview.ts";
import { countsText, rolloutHead, rolloutText, waveBars } from "./view.ts";

const POLL_MS = 1_000;
const DEFAULT_TIMEOUT = "24h";
const MOST_REASONS = 50;

export interface Follow {
  /** Tell every change of the rollout and its waves. */
  readonly watch: boolean;
  readonly timeout: string | undefined;
}

/** Waits until the rollout has ended or needs a person, and says which targets are not as they were to be. */
export async function followRollout(session: Session, rolloutId: string, follow: Follow): Promise<ExitCode> {
  const until = Date.now() + durationMs(follow.timeout ?? DEFAULT_TIMEOUT, "timeout");
  const live = createLive(session.io);
  const goodbye = interruption(session, rolloutId);
  let told = "";
  let rollout: RolloutDetail;
  try {
    for (;;) {
      rollout = await rolloutNow(session, rolloutId, Math.max(until, Date.now() + POLL_MS));
      const said = summaryOf(rollout);
      if (said !== told && follow.watch) tell(session, live, rollout, said);
      told = said;
      live.draw([...rolloutHead(session.io, rollout), ...waveBars(session.io, rollout), ...waiting(rollout)]);
      if (isOver(rollout) || Date.now() >= until) break;
      await sleep(POLL_MS);
    }
  } finally {
    goodbye();
    live.end();
  }
  return ended(session, rollout, follow.watch);
}

/** A halted rollout goes nowhere until somebody decides. */
function isOver({ status }: RolloutDetail): boolean {
  return hasEnded(status) || status === "halted" || status === "previewed";
}

function waiting({ rolloutId, waves }: RolloutDetail): string[] {
  return waves
    .filter(({ status }) => status === "awaiting_approval")
    .map(({ wave }) => `wave ${wave} waits: tenantry rollout approve ${rolloutId} --wave ${wave}`);
}

function summaryOf(rollout: RolloutDetail): string {
  const { status, currentWave, waveCount, counts, statusReason, stuckReason } = rollout;
  const reason = stuckReason ?? statusReason;
  const lines = [
    `${status} wave ${currentWave}/${waveCount}: ${countsText(counts)}${reason === null ? "" : ` (${reason})`}`,
    ...waiting(rollout),
  ];
  return lines.join("; ");
}

function tell({ io, json }: Session, live: Live, rollout: RolloutDetail, said: string): void {
  if (json) io.out(`${JSON.stringify(rollout)}\n`);
  else live.say(harmless(`${rollout.updatedAt.slice(11, 19)} ${said}`), io.out);
}

async function ended(session: Session, rollout: RolloutDetail, watch: boolean): Promise<ExitCode> {
  const { io, json } = session;
  if (json && !watch) io.out(`${JSON.stringify(rollout)}\n`);
  if (!json) {
    io.out(rolloutText(io, rollout));
    for (const line of await reasonsOf(session, rollout)) io.out(`${line}\n`);
  }
  if (rollout.status === "succeeded") return EXIT.done;
  if (isOver(rollout)) return EXIT.failed;
  io.err(`Not over yet. Follow it: tenantry rollout watch ${rollout.rolloutId}\n`);
  return EXIT.incomplete;
}

/** Every target that did not come out as it was to, by name and with its reason. */
async function reasonsOf(session: Session, { rolloutId, counts }: RolloutDetail): Promise<string[]> {
  const found: RolloutTarget[] = [];
  for (const status of ["failed", "rolled_back", "held", "skipped"] as const) {
    if (counts[status] === 0) continue;
    const list = { path: `${rolloutPath(rolloutId)}/targets`, query: { status } };
    for await (const target of itemsOf<RolloutTarget>(session, list)) found.push(target);
  }
  const shown = found.slice(0, MOST_REASONS);
  const slugs = await slugsOf(
    session,
    shown.map(({ tenantId }) => tenantId),
  );
  const lines = shown.map(({ tenantId, planeName, wave, status, reason }) =>
    harmless(
      `  ${status.replace("_", " ")}: ${slugs.get(tenantId) ?? tenantId} on ${planeName}, wave ${wave}: ${reason ?? ""}`,
    ),
  );
  return found.length > shown.length ? [...lines, `  … and ${found.length - shown.length} more`] : lines;
}

function interruption({ io }: Session, rolloutId: string): () => void {
  const onInterrupt = () => {
    io.err(`\nIt goes on without you. Follow it: tenantry rollout watch ${rolloutId}\n`);
    process.exit(EXIT.interrupted);
  };
  process.once("SIGINT", onInterrupt);
  return () => void process.off("SIGINT", onInterrupt);
}
