/** The methods that the aws and the awsx provider answer alike. */

import type grpc from "@grpc/grpc-js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { unary, unimplemented, unimplementedStream } from "./grpc.ts";

export type CheckRequest = InstanceType<typeof messages.CheckRequest>;
export type DiffRequest = InstanceType<typeof messages.DiffRequest>;
type Empty = InstanceType<typeof empty.Empty>;

export interface ProviderTraits {
  /** As the version of the SDK's package it stands in for. */
  readonly version: string;
  /** Components need secrets, resources and output values on the wire; plain resources are simpler without. */
  readonly keepsRichValues: boolean;
}

export function commonMethods(traits: ProviderTraits): grpc.UntypedServiceImplementation {
  const rich = traits.keepsRichValues;
  return {
    handshake: unary(() => {
      const response = new messages.ProviderHandshakeResponse();
      response.setAcceptSecrets(rich);
      response.setAcceptResources(rich);
      response.setAcceptOutputs(rich);
      return response;
    }),
    attach: unary(() => new empty.Empty()),
    getPluginInfo: unary(() => {
      const info = new plugin.PluginInfo();
      info.setVersion(traits.version);
      return info;
    }),
    checkConfig: unary((request: CheckRequest) => {
      const response = new messages.CheckResponse();
      response.setInputs(request.getNews());
      return response;
    }),
    // The engine signals the end of every run this way; this provider serves other runs too, so it goes on.
    cancel: unary((_request: Empty) => new empty.Empty()),
    parameterize: unimplemented("parameterize"),
    getSchema: unimplemented("getSchema"),
    getMapping: unary(() => new messages.GetMappingResponse()),
    getMappings: unary(() => new messages.GetMappingsResponse()),
    list: unimplementedStream("list"),
  };
}

export function configured(rich: boolean): InstanceType<typeof messages.ConfigureResponse> {
  const response = new messages.ConfigureResponse();
  response.setSupportspreview(true);
  response.setAcceptsecrets(rich);
  response.setAcceptresources(rich);
  response.setAcceptoutputs(rich);
  return response;
}
