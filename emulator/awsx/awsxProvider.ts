/**
 * The stand-in for the awsx provider. It owns no resources: a component registers its children with the engine that
 * asked, which then calls the aws provider for each. Components it does not know are refused by name.
 */
import type grpc from "@grpc/grpc-js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import { NotEmulated } from "../catalogue.ts";
import { commonMethods, configured } from "../provider/common.ts";
import { unary, unimplemented } from "../provider/grpc.ts";
import { decode, encode } from "../provider/wire.ts";
import type { Properties } from "../values.ts";
import type { Component, ConstructRequest } from "./monitor.ts";
import { openComponent } from "./monitor.ts";
import { constructVpc } from "./vpc.ts";

type Constructor = (component: Component, name: string, inputs: Properties) => Promise<Properties>;

const COMPONENTS: Readonly<Record<string, Constructor>> = {
  "awsx:ec2:Vpc": constructVpc,
};

export function createAwsxProvider(options: { readonly version: string }): grpc.UntypedServiceImplementation {
  return {
    ...commonMethods({ version: options.version, keepsRichValues: true }),
    diffConfig: unary(() => new messages.DiffResponse()),
    configure: unary(() => configured(true)),
    construct: unary(construct),
    check: unimplemented("check"),
    diff: unimplemented("diff"),
    create: unimplemented("create"),
    read: unimplemented("read"),
    update: unimplemented("update"),
    delete: unimplemented("delete"),
    invoke: unary((request: InstanceType<typeof messages.InvokeRequest>): never => {
      throw new NotEmulated(request.getTok(), "function");
    }),
    call: unimplemented("call"),
  };
}

async function construct(request: ConstructRequest) {
  const build = COMPONENTS[request.getType()];
  if (build === undefined) throw new NotEmulated(request.getType(), "component");
  const component = await openComponent(request);
  try {
    const outputs = await build(component, request.getName(), decode(request.getInputs()));
    await component.finish(outputs);
    const response = new messages.ConstructResponse();
    response.setUrn(component.urn);
    response.setState(encode(outputs));
    for (const key of Object.keys(outputs)) {
      const dependencies = new messages.ConstructResponse.PropertyDependencies();
      dependencies.setUrnsList([component.urn]);
      response.getStatedependenciesMap().set(key, dependencies);
    }
    return response;
  } finally {
    component.close();
  }
}
