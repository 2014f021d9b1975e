/** The provider's protocol without an engine: for what no CLI run can be made to do on purpose. */
import grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import type { TestCloud } from "../support/localCloud.ts";
import { REGION } from "./support.ts";

type Plain = Record<string, struct.JavaScriptValue>;

export interface PendingCall<T> {
  readonly done: Promise<T>;
  cancel(): void;
}

export interface RawProvider {
  create(type: string, name: string, inputs: Plain): PendingCall<{ id: string; properties: Plain }>;
  close(): void;
}

/** A connection of its own, configured for the test region. */
export async function connectProvider(cloud: TestCloud): Promise<RawProvider> {
  const port = /aws:(\d+)/.exec(cloud.providerEnv.PULUMI_DEBUG_PROVIDERS)?.[1];
  const client = new services.ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const configuration = new messages.ConfigureRequest();
  configuration.setArgs(struct.Struct.fromJavaScript({ region: REGION }));
  await new Promise<void>((resolve, reject) => {
    client.configure(configuration, (error) => (error === null ? resolve() : reject(error)));
  });
  return {
    create(type, name, inputs) {
      const request = new messages.CreateRequest();
      request.setUrn(`urn:pulumi:raw::test::${type}::${name}`);
      request.setType(type);
      request.setProperties(struct.Struct.fromJavaScript(inputs));
      let cancel = () => {};
      const done = new Promise<{ id: string; properties: Plain }>((resolve, reject) => {
        const call = client.create(request, (error, response) => {
          if (error !== null) reject(error);
          else resolve({ id: response.getId(), properties: response.getProperties()?.toJavaScript() ?? {} });
        });
        cancel = () => call.cancel();
      });
      return { done, cancel };
    },
    close: () => client.close(),
  };
}
