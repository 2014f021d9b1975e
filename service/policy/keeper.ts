import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { policyLoadNewest, policyLoadRecord } from "../../registry/policy.ts";
import type { Registry } from "../../registry/registry.ts";
import { SettingsError } from "../config/settingsError.ts";
import type { Settings } from "../config.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { createPoll, type Poll } from "../poll.ts";
import { createPolicies, type Policies } from "./engine.ts";
import { type PolicyFile, PolicySetProblem, readPolicySet, versionOf } from "./policySet.ts";
import { PolicyLocationProblem, type PolicySource, policySource } from "./source.ts";

/**
 * Keeps the policies up with their source while the service runs. A new set that does not parse or does not fit the schema is told
 * (log, metric, GET /policy, /readiness) and the last good one holds on; told once, not at every look. Each set that is taken is
 * recorded with its text, audited, so that a decision can be traced to what was written. A service that starts and cannot read its
 * source goes on with the newest set recorded; with none, a folder stops the start and a URL leaves every change
 * denied until it answers.
 */
export interface PolicyStatus {
  readonly source: string;
  readonly loadedAt: string | null;
  readonly checkedAt: string | null;
  readonly problem: { readonly at: string; readonly messages: readonly string[] } | null;
}

export interface PolicyKeeper extends Policies {
  readonly status: PolicyStatus;
  /** Looks at the source now; answers whether another set holds than before. */
  reload(): Promise<boolean>;
  stop(): Promise<void>;
}

export interface KeeperParts {
  readonly settings: Pick<Settings, "policies" | "policiesKey" | "policiesPollMs">;
  readonly registry: Registry;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** The project's own, for services that name no source. */
export const DEFAULT_POLICIES = fileURLToPath(new URL("../../policies", import.meta.url));

export async function startPolicies(parts: KeeperParts): Promise<PolicyKeeper> {
  const keeper = createPolicyKeeper(parts);
  await keeper.begin();
  return keeper;
}

function sourceOf({ policies, policiesKey }: KeeperParts["settings"]): PolicySource {
  const location = policies ?? DEFAULT_POLICIES;
  try {
    return policySource(location, { publicKey: policiesKey && publicKeyOf(policiesKey) });
  } catch (cause) {
    if (!(cause instanceof PolicyLocationProblem)) throw cause;
    throw new SettingsError(`Cannot start: --policies ${cause.message}, got ${location}.`, { cause });
  }
}

function publicKeyOf(keyOrFile: string): string {
  try {
    const pem = keyOrFile.startsWith("-----BEGIN") ? keyOrFile : readFileSync(keyOrFile, "utf8");
    if (createPublicKey(pem).asymmetricKeyType === "ed25519") return pem;
    throw new Error("it is of another kind");
  } catch (cause) {
    throw new SettingsError(
      `Cannot start: --policies-key must be an Ed25519 public key in PEM, or its file (${(cause as Error).message}). ` +
        "Take one out of a private key with: openssl pkey -in key.pem -pubout",
      { cause },
    );
  }
}

/** One that has read nothing yet and so denies; `begin` reads, and looks again and again from then on. */
export function createPolicyKeeper({ settings, registry, metrics, log }: KeeperParts) {
  const source = sourceOf(settings);
  const engine = createPolicies(metrics);
  let status: PolicyStatus = { source: source.location, loadedAt: null, checkedAt: null, problem: null };
  let reading: Promise<boolean> | undefined;

  /** What the source gave last: it says no more than "as before" when that was not taken. */
  let given: readonly PolicyFile[] | undefined;
  /** The last to be refused: what is wrong with it is not looked for again at every look. */
  let refused: { readonly version: string; readonly problem: PolicySetProblem } | undefined;
  /** Of the set that is on record: one that holds and could not be written down is written at the next look. */
  let recorded: string | undefined;

  const take = async (files: readonly PolicyFile[], from: string) => {
    const set = readPolicySet(files);
    engine.take(set);
    for (const warning of set.warnings) log.warn({ version: set.version, warning }, "a policy looks wrong");
    const load = { version: set.version, source: from, files };
    const { loadedAt } = await registry.change(actor, (change) => policyLoadRecord(change, load));
    recorded = set.version;
    status = { ...status, loadedAt };
    metrics.policyReloads.inc({ outcome: "taken" });
    log.info({ version: set.version, policies: set.policies.size, source: from }, "policies taken");
  };

  const takeOther = async (files: readonly PolicyFile[]): Promise<boolean> => {
    const version = versionOf(files);
    if (version === engine.current?.version && version === recorded) return false;
    if (version === refused?.version) throw refused.problem;
    try {
      await take(files, source.location);
      return true;
    } catch (thrown) {
      if (thrown instanceof PolicySetProblem) refused = { version, problem: thrown };
      throw thrown;
    }
  };

  const look = async (): Promise<boolean> => {
    const at = new Date().toISOString();
    try {
      given = (await source.read()) ?? given;
      const isOther = given !== undefined && (await takeOther(given));
      status = { ...status, checkedAt: at, problem: null };
      metrics.policyStale.set(0);
      return isOther;
    } catch (thrown) {
      metrics.policyStale.set(1);
      const messages = thrown instanceof PolicySetProblem ? thrown.problems : [String(thrown)];
      const isNews = messages.join() !== status.problem?.messages.join();
      if (isNews) {
        status = { ...status, problem: { at, messages } };
        metrics.policyReloads.inc({ outcome: "refused" });
        log.error({ messages, kept: engine.current?.version ?? null }, "policies not taken");
      }
      status = { ...status, checkedAt: at };
      return false;
    }
  };

  let poll: Poll | undefined;
  const reload = () => {
    reading ??= look().finally(() => {
      reading = undefined;
    });
    return reading;
  };

  const takeRecorded = async () => {
    const newest = await registry.read(policyLoadNewest);
    if (newest === undefined) return;
    await take(newest.files, newest.source).catch((thrown: unknown) =>
      log.error({ err: thrown, version: newest.version }, "the last policies do not fit this version"),
    );
  };

  return {
    decide: engine.decide,
    take: engine.take,
    get current() {
      return engine.current;
    },
    get governsReads() {
      return engine.governsReads;
    },
    get status() {
      return status;
    },
    reload,
    async stop() {
      await poll?.stop();
    },
    /** For the start: with the source's set, or the newest that was recorded. */
    async begin() {
      await reload();
      if (engine.current === null) await takeRecorded();
      if (engine.current === null && !isUrl(source)) throw cannotStart(source, status);
      poll = createPoll({ log }, "policies", settings.policiesPollMs, async () => void (await reload()));
    },
  };
}

function cannotStart({ location }: PolicySource, { problem }: PolicyStatus): SettingsError {
  const why = problem?.messages.join("; ") ?? "nothing could be read";
  return new SettingsError(
    `Cannot start: the policies in ${location} must parse and fit the schema, but ${why}. ` +
      "Mend them, or name another folder or URL with --policies.",
  );
}

function isUrl({ location }: PolicySource): boolean {
  return location.includes("://");
}

const actor = {
  actor: { kind: "system", id: "policies", name: "Policy source" },
  requestId: "policies",
  correlationId: "policies",
} as const;
