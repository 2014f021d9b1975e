/** What the methods of the aws provider share: who calls, what type is meant, and how a call reaches the account. */
import type { Caller, Cloud } from "../context.ts";
import { CallAborted } from "../faults.ts";
import type { Properties, ResourceType, StoredResource } from "../resourceType.ts";
import { text } from "../values.ts";
import type { Gates } from "./calls.ts";
import { behindGates, untilSettled } from "./calls.ts";
import type { ResourceOperation } from "./errors.ts";
import { describeFailure, PartialFailure } from "./errors.ts";
import type { CallInfo } from "./grpc.ts";
import type { Scope } from "./lifecycle.ts";
import { describeResource } from "./lifecycle.ts";
import type { Peers } from "./peers.ts";
import type { Struct } from "./wire.ts";
import { encode } from "./wire.ts";

export interface SessionOptions {
  readonly cloud: Cloud;
  readonly gates: Gates;
}

export interface Session extends SessionOptions {
  readonly peers: Peers;
}

interface ResourceRequest {
  getUrn(): string;
  getType(): string;
}

export function typeToken(request: ResourceRequest): string {
  return request.getType() || (request.getUrn().split("::")[2]?.split("$").at(-1) ?? "");
}

export function logicalName(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

export function callerOf(session: Session, call: CallInfo, properties: Properties): Caller {
  const settings = session.peers.settingsOf(call.peer);
  return { ...settings, region: text(properties, "region") ?? settings.region };
}

/** A resource may name its own region; otherwise it lives in its provider's. */
export function scopeOf(
  session: Session,
  request: ResourceRequest,
  call: CallInfo,
  properties: Properties,
): Scope {
  const { cloud } = session;
  const type = cloud.catalogue.requireResourceType(typeToken(request));
  return { cloud, type, caller: callerOf(session, call, properties) };
}

/** What the provider calls an object before it has an id. */
export function subjectOf(type: ResourceType, inputs: Properties, fallback: string): string {
  return text(inputs, type.autoName?.property ?? "name") ?? fallback;
}

/** Runs `effect` behind latency, throttle and faults; what it throws reads as the real provider's error. */
export async function gated<T>(
  session: Session,
  scope: Scope,
  operation: ResourceOperation,
  subject: string,
  call: CallInfo,
  effect: () => T,
): Promise<T> {
  const { type, caller } = scope;
  const access = { token: type.token, operation, caller, aborted: call.aborted };
  try {
    return await behindGates(session.cloud, session.gates, access, effect);
  } catch (error) {
    if (error instanceof CallAborted) throw error;
    throw new Error(describeFailure(error, type, operation, subject), { cause: error });
  }
}

/** The resource's outputs once it is steady; PartialFailure when it never becomes so. */
export async function steadyOutputs(
  scope: Scope,
  resource: StoredResource,
  timeoutSeconds: number,
  call: CallInfo,
): Promise<Struct> {
  const { type } = scope;
  const settled = await untilSettled(scope, resource, timeoutSeconds, call.aborted);
  const properties = describeResource(scope, settled.resource);
  const secret = type.secret ?? [];
  if (settled.failure === undefined) return encode(properties, secret);
  const { id } = resource;
  throw new PartialFailure(`waiting for ${type.api.noun} (${id}): ${settled.failure}`, {
    id,
    properties,
    secret,
  });
}
