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
import { createContext } from "../context.ts";
import { UNKNOWN } from "../values.ts";
import { behindGates } from "./calls.ts";
import { commonMethods, configured } from "./common.ts";
import { diffInputs } from "./diff.ts";
import { diffResponse } from "./diffMessage.ts";
import { awsMessage } from "./errors.ts";
import type { CallInfo } from "./grpc.ts";
import { unary, unimplemented } from "./grpc.ts";
import { checkInputs } from "./inputs.ts";
import { createResource, deleteResource, readResource, updateResource } from "./lifecycle.ts";
import { createPeers, readProviderSettings } from "./peers.ts";
import { previewCreate, previewUpdate } from "./preview.ts";
import type { Session, SessionOptions } from "./session.ts";
import { callerOf, gated, logicalName, scopeOf, steadyOutputs, subjectOf, typeToken } from "./session.ts";
import { decode, encode } from "./wire.ts";

type Message<Name extends keyof typeof messages> = (typeof messages)[Name] extends new () => infer Instance
  ? Instance
  : never;

export interface AwsProviderOptions extends SessionOptions {
  readonly defaultAccount: string;
  readonly version: string;
}

export function createAwsProvider(options: AwsProviderOptions): grpc.UntypedServiceImplementation {
  const session: Session = { ...options, peers: createPeers() };
  const on =
    <Request, Response>(method: (session: Session, request: Request, call: CallInfo) => Response) =>
    (request: Request, call: CallInfo) =>
      method(session, request, call);
  return {
    ...commonMethods({ version: options.version, keepsRichValues: false }),
    diffConfig: unary(diffConfig),
    configure: unary((request: Message<"ConfigureRequest">, call) => {
      const settings = readProviderSettings(decode(request.getArgs()), options.defaultAccount);
      session.peers.configure(call.peer, settings);
      return configured(false);
    }),
    check: unary(on(check)),
    diff: unary(on(diff)),
    create: unary(on(create)),
    read: unary(on(read)),
    update: unary(on(update)),
    delete: unary(on(remove)),
    invoke: unary(on(invoke)),
    construct: unimplemented("construct"),
    call: unimplemented("call"),
  };
}

function check(session: Session, request: Message<"CheckRequest">, call: CallInfo) {
  const newInputs = decode(request.getNews());
  const { type, caller } = scopeOf(session, request, call, newInputs);
  const result = checkInputs({
    type,
    context: createContext(session.cloud, caller),
    settings: session.peers.settingsOf(call.peer),
    logicalName: logicalName(request.getUrn()),
    oldInputs: decode(request.getOlds()),
    newInputs,
    randomSeed: request.getRandomseed(),
  });
  const response = new messages.CheckResponse();
  response.setInputs(encode(result.inputs));
  for (const failure of result.failures) {
    const message = new messages.CheckFailure();
    message.setProperty(failure.property);
    message.setReason(failure.reason);
    response.addFailures(message);
  }
  return response;
}

/** A provider that comes from before it recorded inputs sends only state. */
function oldInputsOf(request: Message<"DiffRequest"> | Message<"UpdateRequest">) {
  return decode(request.hasOldInputs() ? request.getOldInputs() : request.getOlds());
}

function diff(session: Session, request: Message<"DiffRequest">) {
  const type = session.cloud.catalogue.requireResourceType(typeToken(request));
  const ignored = request.getIgnorechangesList();
  return diffResponse(diffInputs(type, oldInputsOf(request), decode(request.getNews()), ignored));
}

/** Another region is another provider: its resources cannot move, so they are replaced. */
function diffConfig(request: Message<"DiffRequest">) {
  const old = oldInputsOf(request);
  const next = decode(request.getNews());
  const response = new messages.DiffResponse();
  const moved = old.region !== undefined && old.region !== next.region && next.region !== UNKNOWN;
  if (moved) response.setReplacesList(["region"]);
  const changed = moved || JSON.stringify(old) !== JSON.stringify(next);
  const { DIFF_NONE, DIFF_SOME } = messages.DiffResponse.DiffChanges;
  response.setChanges(changed ? DIFF_SOME : DIFF_NONE);
  return response;
}

async function create(session: Session, request: Message<"CreateRequest">, call: CallInfo) {
  const inputs = decode(request.getProperties());
  const scope = scopeOf(session, request, call, inputs);
  const response = new messages.CreateResponse();
  if (request.getPreview()) {
    response.setProperties(encode(previewCreate(scope, inputs), scope.type.secret));
    return response;
  }
  const subject = subjectOf(scope.type, inputs, logicalName(request.getUrn()));
  const created = await gated(session, scope, "create", subject, call, () => createResource(scope, inputs));
  response.setId(created.id);
  response.setProperties(await steadyOutputs(scope, created, request.getTimeout(), call));
  return response;
}

async function read(session: Session, request: Message<"ReadRequest">, call: CallInfo) {
  const scope = scopeOf(session, request, call, decode(request.getProperties()));
  const id = request.getId();
  const inputs = request.hasInputs() ? decode(request.getInputs()) : undefined;
  const found = await gated(session, scope, "read", id, call, () => readResource(scope, id, inputs));
  const response = new messages.ReadResponse();
  // An answer without an id says that the object is gone.
  if (found === undefined) return response;
  response.setId(found.id);
  response.setProperties(encode(found.properties, scope.type.secret));
  response.setInputs(encode(found.inputs));
  return response;
}

async function update(session: Session, request: Message<"UpdateRequest">, call: CallInfo) {
  const old = decode(request.getOlds());
  const oldInputs = oldInputsOf(request);
  const inputs = decode(request.getNews());
  const scope = scopeOf(session, request, call, old);
  const response = new messages.UpdateResponse();
  if (request.getPreview()) {
    response.setProperties(encode(previewUpdate(scope, old, oldInputs, inputs), scope.type.secret));
    return response;
  }
  const id = request.getId();
  const updated = await gated(session, scope, "update", id, call, () =>
    updateResource(scope, id, oldInputs, inputs),
  );
  response.setProperties(await steadyOutputs(scope, updated, request.getTimeout(), call));
  return response;
}

async function remove(session: Session, request: Message<"DeleteRequest">, call: CallInfo) {
  const scope = scopeOf(session, request, call, decode(request.getProperties()));
  const id = request.getId();
  await gated(session, scope, "delete", id, call, () => deleteResource(scope, id));
  return new empty.Empty();
}

async function invoke(session: Session, request: Message<"InvokeRequest">, call: CallInfo) {
  const { cloud, gates } = session;
  const args = decode(request.getArgs());
  const source = cloud.catalogue.requireDataSource(request.getTok());
  const caller = callerOf(session, call, args);
  const access = { token: source.token, operation: "invoke", caller, aborted: call.aborted } as const;
  try {
    const result = await behindGates(cloud, gates, access, () =>
      cloud.store.transaction(() => source.invoke(args, createContext(cloud, caller))),
    );
    const response = new messages.InvokeResponse();
    response.setReturn(encode(result));
    return response;
  } catch (error) {
    throw new Error(awsMessage(error, source), { cause: error });
  }
}
