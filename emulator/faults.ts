/** Failures on request. They live in memory only: a restart ends them all. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { AwsError } from "./awsError.ts";

/** More armed faults than this are refused: a test that forgets to remove its own would slow every call. */
const MAX_FAULTS = 1_000;
const MAX_FAULT_COUNT = 100_000;
const MAX_LATENCY_MS = 3_600_000;

export const FaultRequest = z.strictObject({
  /** Type token, "*" for every type. */
  type: z.string().min(1).max(200),
  operation: z.enum(["create", "read", "update", "delete", "invoke", "*"]).default("*"),
  /** How many calls it meets before it is used up. */
  count: z.number().int().min(1).max(MAX_FAULT_COUNT).default(1),
  /** Before the effect, or after it: then the account has changed and the caller does not know. */
  when: z.enum(["before", "after"]).default("before"),
  kind: z.enum(["fail", "latency", "hang"]),
  code: z.string().min(1).max(200).default("InternalFailure"),
  message: z.string().max(2_000).default("The request processing has failed because of an unknown error."),
  latencyMs: z.number().int().min(0).max(MAX_LATENCY_MS).default(1_000),
});

export type FaultRequest = z.infer<typeof FaultRequest>;
export type Operation = Exclude<FaultRequest["operation"], "*">;

export interface Fault extends FaultRequest {
  readonly faultId: string;
  readonly remaining: number;
  /** Calls that hang in it now. */
  readonly hanging: number;
}

export interface Faults {
  add(request: FaultRequest): Fault;
  list(): readonly Fault[];
  /** Also releases what hangs in it. */
  remove(faultId: string): boolean;
  removeAll(): void;
  /** Lets the calls that hang in it go on; it stays armed for the rest of its count. */
  release(faultId: string): boolean;
  /** Lets a call pass, wait, hang or fail (by throwing). `aborted` ends waiting when the caller is gone. */
  meet(type: string, operation: Operation, when: "before" | "after", aborted: AbortSignal): Promise<void>;
}

export class CallAborted extends Error {
  constructor() {
    super("Cannot finish the call: the caller went away.");
    this.name = "CallAborted";
  }
}

interface ArmedFault {
  readonly faultId: string;
  readonly request: FaultRequest;
  remaining: number;
  readonly waiting: Set<() => void>;
}

function describe(fault: ArmedFault): Fault {
  const { faultId, request, remaining } = fault;
  return { faultId, ...request, remaining, hanging: fault.waiting.size };
}

function applies(fault: ArmedFault, type: string, operation: Operation, when: "before" | "after"): boolean {
  const { request } = fault;
  return (
    fault.remaining > 0 &&
    request.when === when &&
    (request.type === "*" || request.type === type) &&
    (request.operation === "*" || request.operation === operation)
  );
}

export function createFaults(): Faults {
  const armed = new Map<string, ArmedFault>();

  function release(fault: ArmedFault): void {
    for (const resume of [...fault.waiting]) resume();
  }
  function forgetWhenSpent(fault: ArmedFault): void {
    if (fault.remaining === 0 && fault.waiting.size === 0) armed.delete(fault.faultId);
  }
  async function suffer(fault: ArmedFault, aborted: AbortSignal): Promise<void> {
    const { request } = fault;
    if (request.kind === "fail") throw new AwsError(request.code, request.message, 500);
    if (request.kind === "latency") return pause(request.latencyMs, aborted);
    await new Promise<void>((resolve, reject) => {
      const settle = (finish: () => void) => {
        fault.waiting.delete(resume);
        aborted.removeEventListener("abort", abandon);
        finish();
      };
      const resume = () => settle(resolve);
      const abandon = () => settle(() => reject(new CallAborted()));
      fault.waiting.add(resume);
      aborted.addEventListener("abort", abandon);
      if (aborted.aborted) abandon();
    });
  }

  return {
    add(request) {
      if (armed.size >= MAX_FAULTS) {
        throw new RangeError(`Cannot add a fault: at most ${MAX_FAULTS} may be armed. Remove some first.`);
      }
      const fault: ArmedFault = {
        faultId: randomUUID(),
        request,
        remaining: request.count,
        waiting: new Set(),
      };
      armed.set(fault.faultId, fault);
      return describe(fault);
    },
    list: () => [...armed.values()].map(describe),
    remove(faultId) {
      const fault = armed.get(faultId);
      if (fault === undefined) return false;
      armed.delete(faultId);
      release(fault);
      return true;
    },
    removeAll() {
      const all = [...armed.values()];
      armed.clear();
      for (const fault of all) release(fault);
    },
    release(faultId) {
      const fault = armed.get(faultId);
      if (fault === undefined) return false;
      release(fault);
      forgetWhenSpent(fault);
      return true;
    },
    async meet(type, operation, when, aborted) {
      const met = [...armed.values()].filter((fault) => applies(fault, type, operation, when));
      for (const fault of met) {
        fault.remaining -= 1;
        try {
          await suffer(fault, aborted);
        } finally {
          forgetWhenSpent(fault);
        }
      }
    },
  };
}

/** Waits, or throws CallAborted as soon as the caller is gone. */
export async function pause(delayMs: number, aborted: AbortSignal): Promise<void> {
  if (aborted.aborted) throw new CallAborted();
  if (delayMs <= 0) return;
  await new Promise<void>((resolve, reject) => {
    const abandon = () => {
      clearTimeout(timer);
      reject(new CallAborted());
    };
    const timer = setTimeout(() => {
      aborted.removeEventListener("abort", abandon);
      resolve();
    }, delayMs);
    aborted.addEventListener("abort", abandon, { once: true });
  });
}
