import type grpc from "@grpc/grpc-js";
import type messages from "@pulumi/pulumi/proto/provider_pb.js";
import { NotEmulated } from "../catalogue.ts";
import { commonMethods, configured } from "../provider/common.ts";
import { unary, unimplemented } from "../provider/grpc.ts";

export function createAwsxProvider(options: { readonly version: string }): grpc.UntypedServiceImplementation {
  return {
    ...commonMethods({ version: options.version, keepsRichValues: true }),
    configure: unary(() => configured(true)),
    construct: unary((request: InstanceType<typeof messages.ConstructRequest>): never => {
      throw new NotEmulated(request.getType(), "component");
    }),
    call: unimplemented("call"),
  };
}
