/**
 * TenantServiceSet: everything one tenant has on one plane, in pooled placement.
 *
 * What it is: five ECS services, each with a task role, a log group and a secret of its own; one execution role, one
 * security group, one work queue with its dead letters; private names for the services that speak HTTP.
 *
 * What it promises: logical names depend on nothing but the service, so no option ever recreates a resource by
 * renaming it; physical names come from `tenantLayout` alone; every role is under the plane's boundary and reaches
 * this tenant's prefix, secrets and queue only; everything that takes tags carries them.
 *
 * What it leaves to the plane: the public entry. There is no listener rule and no target group per tenant, since a
 * load balancer takes about a hundred of them; the router forwards by the private names.
 *
 * Named resources are deleted before they are replaced, because AWS still holds the old one's name.
 */
import * as pulumi from "@pulumi/pulumi";
import { createEcsService } from "./ecsService.ts";
import { createServiceParts } from "./serviceParts.ts";
import { SERVICE_NAMES, type ServiceName } from "./services.ts";
import { createSharedParts } from "./sharedParts.ts";
import { type TenantServiceSetArgs, tenantBuild } from "./tenantArgs.ts";

export class TenantServiceSet extends pulumi.ComponentResource {
  /** Service → ARN of its ECS service. */
  readonly serviceArns: Readonly<Record<ServiceName, pulumi.Output<string>>>;
  readonly queueUrl: pulumi.Output<string>;

  constructor(name: string, args: TenantServiceSetArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenantry:index:TenantServiceSet", name, {}, options);
    const build = tenantBuild(args, this);
    const shared = createSharedParts(build);
    const arns = SERVICE_NAMES.map((service): [ServiceName, pulumi.Output<string>] => {
      const parts = createServiceParts(build, service);
      return [service, createEcsService(build, service, shared, parts).arn];
    });
    this.serviceArns = Object.fromEntries(arns) as Record<ServiceName, pulumi.Output<string>>;
    this.queueUrl = shared.queue.url;
    this.registerOutputs({ serviceArns: this.serviceArns, queueUrl: this.queueUrl });
  }
}
