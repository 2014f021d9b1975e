import { randomUUID } from "node:crypto";
import {
  type HostRules,
  OtherHostError,
  type ProcessFacts,
  processesHolding,
  processHeartbeat,
  processRegister,
  processStop,
} from "../registry/host.ts";
import type { Registry } from "../registry/registry.ts";
import type { Settings } from "./config.ts";
import { monotonicMs } from "./engine/monotonic.ts";
import { isProcessGone, processStart } from "./host.ts";
import type { Logger } from "./log.ts";

/**
 * This process among those that share the registry: it registers, says now and then that it lives, and finds out which of the
 * others are dead. On SQLite there are no others: the lock on the data folder proves that whoever was before is gone.
 */
export interface ServiceProcess {
  readonly processId: string;
  /** No other process can be at work on this registry. */
  readonly alone: boolean;
  /**
   * False where a process on another host may have begun by now: this one was silent for too long, and must be let say
   * first that it lives.
   */
  mayWork(): boolean;
  /** Says that this process lives. Rejects with OtherHostError when it may not any more. */
  beat(): Promise<void>;
  /** Processes that still hold something and are certainly dead. */
  gone(): Promise<readonly string[]>;
  /** Gives back what this process holds. Call it when nothing of it runs any more. */
  stop(): Promise<void>;
}

export interface ProcessParts {
  readonly settings: Settings;
  readonly registry: Registry;
  readonly log: Logger;
  /** The stacks' state lies in a folder, which no other host can share. */
  readonly stateInFolder?: boolean;
  /** Called once, when another host has taken this one's place: the process must stop. */
  onDisplaced?(error: OtherHostError): void;
}

const HEARTBEATS_PER_LEASE = 3;

export async function startProcess(parts: ProcessParts): Promise<ServiceProcess> {
  const { settings, registry, log } = parts;
  const alone = registry.dialect === "sqlite";
  const facts: ProcessFacts = {
    processId: randomUUID(),
    hostId: settings.hostId,
    pid: process.pid,
    processStartedAt: processStart(process.pid) ?? "",
    role: settings.role,
  };
  const rules: HostRules =
    parts.stateInFolder === true && !alone ? { onlyHostForMs: 2 * settings.leaseMs } : {};
  const silenceMs = rules.onlyHostForMs ?? Number.POSITIVE_INFINITY;
  let heardAtMs = monotonicMs();
  await registry.record((record) => processRegister(record, facts, rules));

  const say = async () => {
    const saidAtMs = monotonicMs();
    const known = await registry.record((record) => processHeartbeat(record, facts, rules));
    if (!known) await registry.record((record) => processRegister(record, facts, rules));
    heardAtMs = saidAtMs;
  };
  let displaced = false;
  const beat = async () => {
    try {
      await say();
    } catch (thrown) {
      if (thrown instanceof OtherHostError && !displaced) {
        displaced = true;
        clearInterval(timer);
        parts.onDisplaced?.(thrown);
      }
      throw thrown;
    }
  };
  const timer = setInterval(() => {
    beat().catch((thrown: unknown) => log.warn({ err: thrown }, "cannot say that this process lives"));
  }, settings.leaseMs / HEARTBEATS_PER_LEASE);

  return {
    processId: facts.processId,
    alone,
    mayWork: () => !displaced && monotonicMs() - heardAtMs < silenceMs,
    beat,
    async gone() {
      const others = (await registry.read(processesHolding)).filter(
        ({ processId }) => processId !== facts.processId,
      );
      const isGone = (other: ProcessFacts) =>
        alone || (other.hostId === facts.hostId && isProcessGone(other));
      return others.filter(isGone).map(({ processId }) => processId);
    },
    async stop() {
      clearInterval(timer);
      await registry
        .record((record) => processStop(record, facts.processId))
        .catch((thrown: unknown) => log.warn({ err: thrown }, "cannot say that this process stops"));
    },
  };
}
