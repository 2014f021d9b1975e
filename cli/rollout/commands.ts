import type { RolloutCreated, RolloutDetail, RolloutTarget } from "../../contract/rollout.ts";
import type { OperationId } from "../../contract/routes.ts";
import { apiOperation } from "../api/description.ts";
import { itemsOf } from "../commands/apiCommand.ts";
import { apiArguments, apiOptions, requestMakerOf } from "../commands/apiRequest.ts";
import { confirm } from "../commands/confirm.ts";
import {
  argument,
  type CommandSpec,
  type Input,
  isOn,
  OPTIONS,
  type Session,
  text,
  texts,
} from "../commands/spec.ts";
import { tenantId } from "../commands/tenantIds.ts";
import { EXIT, type ExitCode, usageFailure } from "../exit.ts";
import { harmless } from "../io.ts";
import { durationMs } from "../show/time.ts";
import { changeOptions, documentOf } from "./change.ts";
import { previewOf, rolloutNow, rolloutPath, tellPreview, type WholePreview } from "./preview.ts";
import { rolloutText } from "./view.ts";
import { followRollout } from "./watch.ts";

/** What changes many tenants at once is asked about, with the preview before one's eyes. */
const PREVIEW_TIMEOUT = "1h";
const rolloutId = { name: "rollout-id", description: "", required: true } as const;
const FOLLOW = [OPTIONS.wait, OPTIONS.watch, OPTIONS.timeout];
const HAND_MADE = new Set(changeOptions.map(({ name }) => name));
const create = requestMakerOf("rolloutCreate");

export const rolloutCommands: readonly CommandSpec[] = [
  {
    noun: "rollout",
    verb: "create",
    summary: "Describe a rollout, preview it, and start it when the preview is approved of",
    description:
      "Every target is previewed first and nothing is changed. In a terminal you are asked then; with --yes it starts; else it waits for `tenantry rollout start`.",
    args: [],
    options: [
      ...changeOptions,
      ...apiOptions(create)
        .filter(({ name }) => !HAND_MADE.has(name))
        .map((option) =>
          option.name === "change" ? { ...option, description: "the whole change" } : option,
        ),
      OPTIONS.yes,
      ...FOLLOW,
    ],
    async run(input, session) {
      const { wave: _wave, flag: _flag, release: _release, ...options } = input.options;
      const request = await create.request({ ...input, options }, session, await documentOf(input, session));
      const key = text(input, "idempotency-key");
      const { body } = await session.client().call<RolloutCreated>({ ...request, idempotencyKey: key });
      for (const { planeName, finding } of body.warnings)
        session.io.err(harmless(`Warning: ${planeName}: ${finding.title}: ${finding.advice}`) + "\n");
      if (!session.json) session.io.err(`Rollout ${body.rolloutId}\n`);
      return previewAndStart(body.rolloutId, input, session);
    },
  },
  {
    noun: "rollout",
    verb: "start",
    summary: "Begin what was previewed",
    description: "Without --preview-digest the preview is shown and asked about, and begun as it was shown.",
    args: [rolloutId],
    options: [
      { name: "preview-digest", value: "digest", description: "of the preview that was looked at" },
      { name: "reason", value: "text", description: "kept in the audit trail" },
      OPTIONS.yes,
      ...FOLLOW,
    ],
    async run(input, session) {
      const digest = text(input, "preview-digest");
      const id = argument(input, "rollout-id");
      if (digest === undefined) return previewAndStart(id, input, session);
      return start(id, digest, input, session);
    },
  },
  {
    noun: "rollout",
    verb: "preview",
    summary: "What a rollout would change, tenants grouped by identical change",
    args: [rolloutId],
    options: [{ name: "again", description: "preview all targets anew" }, OPTIONS.timeout],
    async run(input, session) {
      const id = argument(input, "rollout-id");
      if (isOn(input, "again"))
        await session.client().call({ method: "post", path: `${rolloutPath(id)}/preview`, body: {} });
      const preview = await previewOf(session, id, untilOf(input));
      if (session.json) session.io.out(`${JSON.stringify(preview)}\n`);
      else await tellPreview(session, preview);
      return EXIT.done;
    },
  },
  {
    noun: "rollout",
    verb: "watch",
    summary: "Follow a rollout to its end, or until it needs a person",
    args: [rolloutId],
    options: [OPTIONS.timeout],
    run: (input, session) =>
      followRollout(session, argument(input, "rollout-id"), { watch: true, timeout: text(input, "timeout") }),
  },
  {
    noun: "rollout",
    verb: "get",
    summary: "Get a rollout with its waves and counts",
    args: [rolloutId],
    options: [],
    async run(input, session) {
      showRollout(session, await rolloutNow(session, argument(input, "rollout-id")));
      return EXIT.done;
    },
  },
  control("rolloutPause"),
  control("rolloutResume", { follow: true }),
  control("rolloutCancel", { ask: "Nothing more of it is started, for good." }),
  control("rolloutApprove", { follow: true }),
  control("rolloutSkip", { targets: true }),
  control("rolloutRetry", { targets: true, follow: true }),
  control("rolloutRetarget"),
  {
    noun: "rollout",
    verb: "rollback",
    summary: apiOperation("rolloutRollback").summary,
    description: apiOperation("rolloutRollback").description,
    args: [rolloutId],
    options: [
      { name: "all", description: "all of its targets" },
      { name: "wave", value: "n", description: "those of one wave" },
      {
        name: "tenant",
        value: "tenant",
        many: true,
        description: "those of tenants; slug or id (may be repeated)",
      },
      { name: "reason", value: "text", description: "kept in the audit trail" },
      OPTIONS.yes,
      ...FOLLOW,
    ],
    async run(input, session) {
      const id = argument(input, "rollout-id");
      const scope = await rollbackScope(id, input, session);
      await confirm(
        "They are taken back to what they had before, and held there.",
        isOn(input, "yes"),
        session.io,
      );
      return act(id, "rollback", { scope, ...reasonOf(input) }, input, session);
    },
  },
];

async function rollbackScope(id: string, input: Input, session: Session): Promise<object> {
  const wave = text(input, "wave");
  const tenants = texts(input, "tenant");
  if ([isOn(input, "all"), wave !== undefined, tenants.length > 0].filter(Boolean).length !== 1)
    throw usageFailure("Cannot roll back: exactly one of --all, --wave and --tenant must say what.");
  if (tenants.length > 0) return { kind: "targets", targetIds: await targetsOf(session, id, tenants) };
  return wave === undefined ? { kind: "all" } : { kind: "wave", wave: Number(wave) };
}

async function previewAndStart(id: string, input: Input, session: Session): Promise<ExitCode> {
  const { io, json } = session;
  const preview = await previewOf(session, id, untilOf(input));
  const yes = isOn(input, "yes");
  const canAsk = io.stdinIsTerminal && io.stderrIsTerminal && !json;
  if (!json) await tellPreview(session, preview);
  if (!yes && !canAsk) {
    if (json) io.out(`${JSON.stringify({ rollout: await rolloutNow(session, id), preview })}\n`);
    else io.err(`Start it: tenantry rollout start ${id} --preview-digest ${preview.previewDigest}\n`);
    return EXIT.done;
  }
  await confirm(`Start the rollout ${id}.${dangers(preview)}`, yes, io);
  return start(id, preview.previewDigest, input, session);
}

function dangers({ groups }: WholePreview): string {
  const sum = (pick: (group: WholePreview["groups"][number]) => number) =>
    groups.reduce((total, group) => total + pick(group) * group.targetCount, 0);
  const [replaced, deleted] = [sum(({ replaces }) => replaces), sum(({ deletes }) => deletes)];
  return replaced + deleted === 0 ? "" : ` ${replaced} resources are replaced and ${deleted} deleted.`;
}

function start(id: string, previewDigest: string, input: Input, session: Session): Promise<ExitCode> {
  return act(id, "start", { previewDigest, ...reasonOf(input) }, input, session);
}

async function act(
  id: string,
  verb: string,
  body: object,
  input: Input,
  session: Session,
): Promise<ExitCode> {
  const path = `${rolloutPath(id)}/${verb}`;
  const answer = await session.client().call<RolloutDetail>({ method: "post", path, body });
  const watch = isOn(input, "watch");
  if (watch || isOn(input, "wait"))
    return followRollout(session, id, { watch, timeout: text(input, "timeout") });
  showRollout(session, answer.body);
  if (!session.json) session.io.err(`Follow it: tenantry rollout watch ${id}\n`);
  return EXIT.done;
}

function showRollout({ io, json }: Session, rollout: RolloutDetail): void {
  io.out(json ? `${JSON.stringify(rollout)}\n` : rolloutText(io, rollout));
}

interface Control {
  readonly ask?: string;
  readonly follow?: true;
  /** Targets may be named by their tenants. */
  readonly targets?: true;
}

/** A request that the API describes whole, with what helps at a terminal around it. */
function control(id: OperationId, { ask, follow, targets }: Control = {}): CommandSpec {
  const maker = requestMakerOf(id);
  const verb = id.slice("rollout".length).toLowerCase();
  const tenantOption = {
    name: "tenant",
    value: "tenant",
    many: true,
    description: "its targets; slug or id (may be repeated)",
  };
  return {
    noun: "rollout",
    verb,
    summary: maker.operation.summary,
    description: maker.operation.description,
    args: apiArguments(maker),
    options: [
      ...(targets ? [tenantOption] : []),
      ...apiOptions(maker).filter(({ name }) => name !== "idempotency-key"),
      ...(ask === undefined ? [] : [OPTIONS.yes]),
      ...(follow ? FOLLOW : []),
    ],
    async run(input, session) {
      const rollout = argument(input, "rollout-id");
      const tenants = targets ? texts(input, "tenant") : [];
      const named = tenants.length === 0 ? {} : { "target-ids": await targetsOf(session, rollout, tenants) };
      const request = await maker.request({ ...input, options: { ...input.options, ...named } }, session);
      await confirm(ask, isOn(input, "yes"), session.io);
      return act(rollout, verb, request.body as object, input, session);
    },
  };
}

async function targetsOf(session: Session, id: string, tenants: readonly string[]): Promise<string[]> {
  const wanted = new Set<string>();
  for (const tenant of tenants) wanted.add(await tenantId(session.client(), tenant));
  const found: string[] = [];
  for await (const target of itemsOf<RolloutTarget>(session, { path: `${rolloutPath(id)}/targets` }))
    if (wanted.has(target.tenantId)) found.push(target.targetId);
  if (found.length > 0) return found;
  throw usageFailure(`Cannot find the targets: the rollout has none of ${tenants.join(", ")}.`);
}

function reasonOf(input: Input): { reason?: string } {
  const reason = text(input, "reason");
  return reason === undefined ? {} : { reason };
}

function untilOf(input: Input): number {
  return Date.now() + durationMs(text(input, "timeout") ?? PREVIEW_TIMEOUT, "timeout");
}
