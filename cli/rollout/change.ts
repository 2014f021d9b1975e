import type { DriftCauseDetail } from "../../contract/driftCause.ts";
import type { RolloutCreate } from "../../contract/rollout.ts";
import { type Input, type OptionSpec, type Session, text, texts } from "../commands/spec.ts";
import { usageFailure } from "../exit.ts";
import { durationMs } from "../show/time.ts";

type Change = RolloutCreate["change"];

/** Short ways to say what a rollout brings and in which waves; `--change` and `--waves` take everything as JSON. */
export const changeOptions: readonly OptionSpec[] = [
  { name: "release", value: "n", description: "bring this release" },
  { name: "to-plan", value: "plan", description: "bring tenants to this plan" },
  { name: "flag", value: "key=on|off", description: "switch a feature flag" },
  { name: "set", value: "field=value", description: "set a field, such as settings.LOG_LEVEL=debug" },
  { name: "unset", value: "field", description: "take a setting or a secret reference away" },
  { name: "repair-cause", value: "cause", description: "repair the drift of one cause, by its id" },
  {
    name: "wave",
    value: "n|n%",
    many: true,
    description:
      "a wave of so many tenants, or of a share of them (may be repeated); the rest is the last wave",
  },
  { name: "bake", value: "duration", description: "how long each wave is watched, such as 10m" },
];

export async function documentOf(input: Input, session: Session): Promise<object> {
  const change = await changeOf(input, session);
  const waves = texts(input, "wave").map(waveOf);
  const bake = text(input, "bake");
  return {
    ...(change === undefined ? {} : { change }),
    ...(waves.length === 0 ? {} : { waves }),
    ...(bake === undefined ? {} : { bakeMs: durationMs(bake, "bake") }),
  };
}

async function changeOf(input: Input, session: Session): Promise<Change | undefined> {
  const said = ["release", "to-plan", "flag", "set", "unset", "repair-cause"].filter(
    (name) => text(input, name) !== undefined,
  );
  const [name, another] = said;
  if (another !== undefined)
    throw usageFailure(
      `Cannot bring two changes at once: only one of --${name} and --${another} may be given.`,
    );
  const value = text(input, name ?? "") ?? "";
  switch (name) {
    case undefined:
      return undefined;
    case "release":
      if (!/^\d+$/.test(value))
        throw usageFailure(`Cannot read --release: it must be a number, got "${value}".`);
      return { kind: "release", releaseNumber: Number(value) };
    case "to-plan":
      return { kind: "plan", plan: value as Extract<Change, { kind: "plan" }>["plan"] };
    case "flag":
      return flagOf(value);
    case "set": {
      const [field, to] = halves("set", value);
      return { kind: "field", field, value: to };
    }
    case "unset":
      return { kind: "field", field: value, value: null };
    default:
      return repairOf(value, session);
  }
}

function flagOf(value: string): Change {
  const [flagKey, state] = halves("flag", value);
  if (state !== "on" && state !== "off")
    throw usageFailure(`Cannot read --flag: it must be KEY=on or KEY=off, got "${value}".`);
  return { kind: "flag", flagKey, enabled: state === "on" };
}

/** Bound to the findings of now: should others appear before it begins, it is refused. */
async function repairOf(causeId: string, session: Session): Promise<Change> {
  const path = `/v1/control-plane/drift/causes/${encodeURIComponent(causeId)}`;
  const { body } = await session.client().call<DriftCauseDetail>({ method: "get", path });
  return { kind: "drift_repair", causeId: body.causeId, findingsDigest: body.findingsDigest };
}

function halves(option: string, value: string): [string, string] {
  const equals = value.indexOf("=");
  if (equals < 1) throw usageFailure(`Cannot read --${option}: it must be NAME=VALUE, got "${value}".`);
  return [value.slice(0, equals), value.slice(equals + 1)];
}

function waveOf(value: string): { count: number } | { percentage: number } {
  const [, number = "", sign] = /^(\d+(?:\.\d+)?)(%?)$/.exec(value) ?? [];
  if (number === "" || (sign === "" && !/^\d+$/.test(number)))
    throw usageFailure(
      `Cannot read --wave: it must be a number of tenants or a share such as 10%, got "${value}".`,
    );
  return sign === "%" ? { percentage: Number(number) } : { count: Number(number) };
}
