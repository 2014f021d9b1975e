import { z } from "zod";
import { listed, setting, whole } from "./setting.ts";

/** What keeps the fleet as it should be, and how carefully it is changed. */
export const fleetSettings = {
  healthPollMs: setting(
    "how often the fleet's health is read (30000)",
    whole(1_000, 3_600_000).default(30_000),
  ),
  /** `correct` brings what manifests declare about, `report` only says what would be done. */
  reconcile: setting(
    "what is done to reach what manifests declare: off, report or correct (correct)",
    z.enum(["off", "report", "correct"]).default("correct"),
  ),
  reconcileEveryMs: setting(
    "how often the whole fleet is compared with what is declared (30000)",
    whole(100, 3_600_000).default(30_000),
  ),
  /** The pause after a first failure; it doubles with each further one. */
  reconcileBackoffMs: setting(
    "how long it waits after a first failure; doubles with each (10000)",
    whole(10, 3_600_000).default(10_000),
  ),
  /** What is done about drift, by environment or plane name: `dev=correct,prod-eu-west-1=report`. */
  driftPolicy: setting(
    "drift by environment or plane (dev=correct,stage=report,prod=report)",
    z
      .string()
      .regex(
        /^([a-z0-9-]+=(report|correct))?(,[a-z0-9-]+=(report|correct))*$/,
        "must be name=report|correct pairs",
      )
      .default("dev=correct,stage=report,prod=report")
      .transform(
        (pairs): Readonly<Record<string, string>> =>
          Object.fromEntries(pairs.split(",").map((pair) => pair.split("=", 2))),
      ),
  ),
  driftRepairsPerHour: setting(
    "drift repairs nobody asked for, on one plane (10)",
    whole(0, 10_000).default(10),
  ),
  scanConcurrency: setting("targets that a drift scan looks at at once (2)", whole(1, 64).default(2)),
  /** What a rollout's health gate may ask besides public addresses: hosts, host:port or *.domain, with commas between. */
  gateHosts: setting(
    "hosts that health gates may ask although they are private: host, host:port or *.domain, with commas between",
    listed,
  ),
  gatePollMs: setting(
    "how often a target that bakes is looked at (15000)",
    whole(50, 3_600_000).default(15_000),
  ),
  /** Different targets of a plane that fail within ten minutes for reasons of the engine or the cloud before it is left alone; 0 never. */
  breakerFailures: setting(
    "targets of a plane that may fail before nothing new is started there, 0 for any (3)",
    whole(0, 1_000).default(3),
  ),
  /** How long it is left alone the first time; each further time twice as long, up to half an hour. */
  breakerCoolDownMs: setting(
    "how long it is then left alone at first (60000)",
    whole(100, 1_800_000).default(60_000),
  ),
  /** What is done about a release's image that is named by a tag alone: look up its digest and keep that, or refuse it. */
  imageTags: setting(
    "images of releases named by a tag: resolve (keep the digest it stands for) or refuse (resolve)",
    z.enum(["resolve", "refuse"]).default("resolve"),
  ),
  /** Hosts that images may come from, `*` standing for anything; without it the large registries, and locally any. */
  imageRegistries: setting(
    "hosts that images may come from, with commas and * (the large registries; locally any)",
    z
      .string()
      .max(4_000)
      .regex(
        /^[a-z0-9.*:-]+(,[a-z0-9.*:-]+)*$/i,
        "must be hosts with commas between, such as ghcr.io,*.dkr.ecr.*.amazonaws.com",
      )
      .optional(),
  ),
};
