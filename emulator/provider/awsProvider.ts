/**
 * The stand-in for the aws provider: Pulumi's provider protocol over the emulated account.
 *
 * It promises what the engine and users see of the real one: inputs checked and defaulted, differences per property
 * with replacements, previews, refresh with inputs, import, AWS's wording of errors, objects that fail to become
 * steady kept in state. It refuses types it does not know instead of accepting everything. It serves any number of
 * engines at once; what each configured (region, account, default tags) is kept by connection.
 */
import type grpc from "@grpc/grpc-js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import type { Caller, Cloud } from "../context.ts";
import { createContext } from "../context.ts";
import type { Properties, ResourceType } from "../resourceType.ts";
import { text, UNKNOWN } from "../values.ts";
import type { Gates } from "./calls.ts";
import { behindGates, untilSettled } from "./calls.ts";
import { commonMethods, configured } from "./common.ts";
import { diffInputs, formatPath } from "./diff.ts";
import type { ResourceOperation } from "./errors.ts";
import { describeFailure, PartialFailure } from "./errors.ts";
import type { CallInfo } from "./grpc.ts";
import { unary, unimplemented } from "./grpc.ts";
import { checkInputs } from "./inputs.ts";
import type { Scope } from "./lifecycle.ts";
import * as lifecycle from "./lifecycle.ts";
import { createPeers, readProviderSettings } from "./peers.ts";
import type { Struct } from "./wire.ts";
import { decode, encode } from "./wire.ts";

export interface AwsProviderOptions {
  readonly cloud: Cloud;
  readonly gates: Gates;
  readonly defaultAccount: string;
  readonly version: string;
}

interface ResourceRequest {
  getUrn(): string;
  getType(): string;
}

function typeToken(request: ResourceRequest): string {
  return request.getType() || (request.getUrn().split("::")[2]?.split("$").at(-1) ?? "");
}

function logicalName(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

export function createAwsProvider(options: AwsProviderOptions): grpc.UntypedServiceImplementation {
  const { cloud, gates } = options;
  const peers = createPeers();

  /** A resource may name its own region; otherwise it lives in its provider's. */
  function scopeOf(request: ResourceRequest, call: CallInfo, properties: Properties): Scope {
    const type = cloud.catalogue.requireResourceType(typeToken(request));
    return { cloud, type, caller: callerOf(call, properties) };
  }
  function callerOf(call: CallInfo, properties: Properties): Caller {
    const settings = peers.settingsOf(call.peer);
    return { ...settings, region: text(properties, "region") ?? settings.region };
  }
  async function gated<T>(
    scope: Scope,
    operation: ResourceOperation,
    subject: string,
    call: CallInfo,
    effect: () => T,
  ): Promise<T> {
    const { type, caller } = scope;
    try {
      return await behindGates(
        cloud,
        gates,
        { token: type.token, operation, caller, aborted: call.aborted },
        effect,
      );
    } catch (error) {
      throw errorFor(error, type, operation, subject);
    }
  }
  /** The resource's outputs once it is steady; PartialFailure when it never becomes so. */
  async function steady(
    scope: Scope,
    created: { id: string },
    resource: Parameters<typeof untilSettled>[1],
    timeoutSeconds: number,
    call: CallInfo,
  ): Promise<Struct> {
    const settled = await untilSettled(scope, resource, timeoutSeconds, call.aborted);
    const properties = lifecycle.describeResource(scope, settled.resource);
    const secret = scope.type.secret ?? [];
    if (settled.failure === undefined) return encode(properties, secret);
    throw new PartialFailure(`waiting for ${scope.type.api.noun} (${created.id}): ${settled.failure}`, {
      id: created.id,
      properties,
      secret,
    });
  }

  return {
    ...commonMethods({ version: options.version, keepsRichValues: false }),
    diffConfig: unary(diffConfig),
    configure: unary((request: InstanceType<typeof messages.ConfigureRequest>, call) => {
      const settings = readProviderSettings(decode(request.getArgs()), options.defaultAccount);
      peers.configure(call.peer, settings);
      return configured(false);
    }),
    check: unary((request: InstanceType<typeof messages.CheckRequest>, call) => {
      const newInputs = decode(request.getNews());
      const { type, caller } = scopeOf(request, call, newInputs);
      const result = checkInputs({
        type,
        context: createContext(cloud, caller),
        settings: peers.settingsOf(call.peer),
        logicalName: logicalName(request.getUrn()),
        oldInputs: decode(request.getOlds()),
        newInputs,
        randomSeed: request.getRandomseed(),
      });
      const response = new messages.CheckResponse();
      response.setInputs(encode(result.inputs));
      response.setFailuresList(result.failures.map(checkFailure));
      return response;
    }),
    diff: unary((request: InstanceType<typeof messages.DiffRequest>) => diff(cloud, request)),
    create: unary(async (request: InstanceType<typeof messages.CreateRequest>, call) => {
      const inputs = decode(request.getProperties());
      const scope = scopeOf(request, call, inputs);
      const response = new messages.CreateResponse();
      if (request.getPreview()) {
        response.setProperties(encode(lifecycle.previewCreate(scope, inputs), scope.type.secret ?? []));
        return response;
      }
      const subject = subjectOf(scope.type, inputs, logicalName(request.getUrn()));
      const created = await gated(scope, "create", subject, call, () =>
        lifecycle.createResource(scope, inputs),
      );
      response.setId(created.id);
      response.setProperties(await steady(scope, created, created, request.getTimeout(), call));
      return response;
    }),
    read: unary(async (request: InstanceType<typeof messages.ReadRequest>, call) => {
      const state = decode(request.getProperties());
      const scope = scopeOf(request, call, state);
      const inputs = request.hasInputs() ? decode(request.getInputs()) : undefined;
      const found = await gated(scope, "read", request.getId(), call, () =>
        lifecycle.readResource(scope, request.getId(), inputs),
      );
      const response = new messages.ReadResponse();
      if (found === undefined) return response;
      response.setId(found.id);
      response.setProperties(encode(found.properties, scope.type.secret ?? []));
      response.setInputs(encode(found.inputs));
      return response;
    }),
    update: unary(async (request: InstanceType<typeof messages.UpdateRequest>, call) => {
      const old = decode(request.getOlds());
      const oldInputs = request.hasOldInputs() ? decode(request.getOldInputs()) : old;
      const inputs = decode(request.getNews());
      const scope = scopeOf(request, call, old);
      const response = new messages.UpdateResponse();
      if (request.getPreview()) {
        const properties = lifecycle.previewUpdate(scope, old, oldInputs, inputs);
        response.setProperties(encode(properties, scope.type.secret ?? []));
        return response;
      }
      const id = request.getId();
      const updated = await gated(scope, "update", id, call, () =>
        lifecycle.updateResource(scope, id, oldInputs, inputs),
      );
      response.setProperties(await steady(scope, { id }, updated, request.getTimeout(), call));
      return response;
    }),
    delete: unary(async (request: InstanceType<typeof messages.DeleteRequest>, call) => {
      const scope = scopeOf(request, call, decode(request.getProperties()));
      await gated(scope, "delete", request.getId(), call, () =>
        lifecycle.deleteResource(scope, request.getId()),
      );
      return new empty.Empty();
    }),
    invoke: unary(async (request: InstanceType<typeof messages.InvokeRequest>, call) => {
      const args = decode(request.getArgs());
      const source = cloud.catalogue.requireDataSource(request.getTok());
      const caller = callerOf(call, args);
      const result = await behindGates(
        cloud,
        gates,
        { token: source.token, operation: "invoke", caller, aborted: call.aborted },
        () => source.invoke(args, createContext(cloud, caller)),
      );
      const response = new messages.InvokeResponse();
      response.setReturn(encode(result));
      return response;
    }),
    construct: unimplemented("construct"),
    call: unimplemented("call"),
  };
}

function errorFor(
  error: unknown,
  type: ResourceType,
  operation: ResourceOperation,
  subject: string,
): unknown {
  if (error instanceof Error && error.name === "CallAborted") return error;
  return new Error(describeFailure(error, type, operation, subject), { cause: error });
}

/** What the provider calls the object before it has an id. */
function subjectOf(type: ResourceType, inputs: Properties, fallback: string): string {
  const property = type.autoName?.property ?? "name";
  return text(inputs, property) ?? fallback;
}

function checkFailure(failure: { property: string; reason: string }) {
  const message = new messages.CheckFailure();
  message.setProperty(failure.property);
  message.setReason(failure.reason);
  return message;
}

const KINDS = {
  add: messages.PropertyDiff.Kind.ADD,
  update: messages.PropertyDiff.Kind.UPDATE,
  delete: messages.PropertyDiff.Kind.DELETE,
} as const;
const REPLACE_KINDS = {
  add: messages.PropertyDiff.Kind.ADD_REPLACE,
  update: messages.PropertyDiff.Kind.UPDATE_REPLACE,
  delete: messages.PropertyDiff.Kind.DELETE_REPLACE,
} as const;

function diff(cloud: Cloud, request: InstanceType<typeof messages.DiffRequest>) {
  const type = cloud.catalogue.requireResourceType(typeToken(request));
  const oldInputs = decode(request.hasOldInputs() ? request.getOldInputs() : request.getOlds());
  const result = diffInputs(type, oldInputs, decode(request.getNews()), request.getIgnorechangesList());
  const response = new messages.DiffResponse();
  const changed = result.changes.length > 0;
  response.setChanges(
    changed ? messages.DiffResponse.DiffChanges.DIFF_SOME : messages.DiffResponse.DiffChanges.DIFF_NONE,
  );
  response.setHasdetaileddiff(true);
  response.setDeletebeforereplace(result.deleteBeforeReplace);
  const replaces = new Set<string>();
  const names = new Set<string>();
  for (const change of result.changes) {
    const property = new messages.PropertyDiff();
    property.setKind((change.replaces ? REPLACE_KINDS : KINDS)[change.kind]);
    property.setInputdiff(true);
    response.getDetaileddiffMap().set(formatPath(change.path), property);
    const name = String(change.path[0]);
    names.add(name);
    if (change.replaces) replaces.add(name);
  }
  response.setReplacesList([...replaces]);
  response.setDiffsList([...names]);
  return response;
}

/** Another region is another provider: its resources cannot move, so they are replaced. */
function diffConfig(request: InstanceType<typeof messages.DiffRequest>) {
  const old = decode(request.hasOldInputs() ? request.getOldInputs() : request.getOlds());
  const next = decode(request.getNews());
  const response = new messages.DiffResponse();
  const moved = old.region !== undefined && old.region !== next.region && next.region !== UNKNOWN;
  if (moved) response.setReplacesList(["region"]);
  const changed = moved || JSON.stringify(old) !== JSON.stringify(next);
  response.setChanges(
    changed ? messages.DiffResponse.DiffChanges.DIFF_SOME : messages.DiffResponse.DiffChanges.DIFF_NONE,
  );
  return response;
}
