/** The engine's resource monitor, spoken to directly: the SDK's runtime is global to a process, and many engines call here. */
import grpc from "@grpc/grpc-js";
import type providerMessages from "@pulumi/pulumi/proto/provider_pb.js";
import services from "@pulumi/pulumi/proto/resource_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/resource_pb.js";
import { decode, encode, resourceReference } from "../provider/wire.ts";
import type { Properties, Value } from "../values.ts";
import { UNKNOWN } from "../values.ts";

export type ConstructRequest = InstanceType<typeof providerMessages.ConstructRequest>;

export interface Registered {
  readonly urn: string;
  /** UNKNOWN in previews of a create. */
  readonly id: Value;
  readonly outputs: Properties;
  /** As it stands in the component's outputs. */
  readonly reference: Properties;
}

export interface ChildResource {
  readonly type: string;
  readonly name: string;
  readonly parent: Pick<Registered, "urn">;
  readonly inputs: Properties;
  readonly dependsOn?: readonly Pick<Registered, "urn">[];
}

/** One component under construction. */
export interface Component {
  readonly urn: string;
  register(child: ChildResource): Promise<Registered>;
  invoke(token: string, args: Properties): Promise<Properties>;
  /** Ends the construction. */
  finish(outputs: Properties): Promise<void>;
  close(): void;
}

const AWS_PACKAGE = "aws";
const MAX_MESSAGE_BYTES = 400 * 1024 * 1024;

type RegisterResponse = InstanceType<typeof messages.RegisterResourceResponse>;
type InvokeResponse = InstanceType<typeof messages.ResourceInvokeResponse>;
type Client = InstanceType<typeof services.ResourceMonitorClient>;

/** Promises over the client's callbacks. */
function call<Response>(
  start: (done: (error: grpc.ServiceError | null, response: Response) => void) => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    start((error, response) => (error === null ? resolve(response) : reject(new Error(error.details))));
  });
}

export async function openComponent(request: ConstructRequest): Promise<Component> {
  const client = new services.ResourceMonitorClient(
    request.getMonitorendpoint(),
    grpc.credentials.createInsecure(),
    {
      "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
      "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
    },
  );
  try {
    const registered = await registerComponent(client, request);
    return openedComponent(client, request, registered);
  } catch (error) {
    client.close();
    throw error;
  }
}

async function registerComponent(client: Client, request: ConstructRequest): Promise<string> {
  const registration = new messages.RegisterResourceRequest();
  registration.setType(request.getType());
  registration.setName(request.getName());
  registration.setParent(request.getParent());
  registration.setCustom(false);
  registration.setObject(request.getInputs());
  registration.setDependenciesList(request.getDependenciesList());
  registration.setAliasesList(request.getAliasesList());
  registration.setAliasspecs(true);
  registration.setAcceptsecrets(true);
  registration.setAcceptresources(true);
  const isProtected = request.getProtect();
  if (isProtected !== undefined) registration.setProtect(isProtected);
  request.getProvidersMap().forEach((reference: string, name: string) => {
    registration.getProvidersMap().set(name, reference);
  });
  const response = await call<RegisterResponse>((done) => client.registerResource(registration, done));
  return response.getUrn();
}

function openedComponent(client: Client, request: ConstructRequest, urn: string): Component {
  const provider = request.getProvidersMap().get(AWS_PACKAGE) ?? "";
  return {
    urn,
    async register(child) {
      const registration = new messages.RegisterResourceRequest();
      registration.setType(child.type);
      registration.setName(child.name);
      registration.setParent(child.parent.urn);
      registration.setCustom(true);
      registration.setProvider(provider);
      registration.setObject(encode(child.inputs));
      registration.setDependenciesList((child.dependsOn ?? []).map((dependency) => dependency.urn));
      registration.setAcceptsecrets(true);
      registration.setAcceptresources(true);
      registration.setSupportspartialvalues(true);
      const response = await call<RegisterResponse>((done) => client.registerResource(registration, done));
      const id: Value = response.getId() === "" ? UNKNOWN : response.getId();
      return {
        urn: response.getUrn(),
        id,
        outputs: decode(response.getObject()),
        reference: resourceReference(response.getUrn(), id),
      };
    },
    async invoke(token, args) {
      const invocation = new messages.ResourceInvokeRequest();
      invocation.setTok(token);
      invocation.setArgs(encode(args));
      invocation.setProvider(provider);
      const response = await call<InvokeResponse>((done) => client.invoke(invocation, done));
      const [failure] = response.getFailuresList();
      if (failure !== undefined) throw new Error(`${token}: ${failure.getProperty()} ${failure.getReason()}`);
      return decode(response.getReturn());
    },
    async finish(outputs) {
      const registration = new messages.RegisterResourceOutputsRequest();
      registration.setUrn(urn);
      registration.setOutputs(encode(outputs));
      await call<unknown>((done) => client.registerResourceOutputs(registration, done));
    },
    close: () => client.close(),
  };
}
