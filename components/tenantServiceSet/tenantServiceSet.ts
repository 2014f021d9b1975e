/**
 * TenantServiceSet: everything one tenant has on one plane.
 *
 * What it is: five ECS services, each with a task role, a log group and a secret of its own; one execution role, one
 * security group, one work queue with its dead letters; private names for the services that speak HTTP. Beyond that,
 * what the isolation says is the tenant's own: bucket, database, key, cluster, network, load balancer.
 *
 * What it promises: the logical name of what exists in all modes depends on nothing but the service, so no option ever
 * recreates a resource by renaming it; physical names come from `tenantLayout` alone; every role is under the plane's boundary and reaches
 * this tenant's prefix, secrets and queue only; everything that takes tags carries them.
 *
 * What it leaves to the plane, unless the tenant has a load balancer of its own: the public entry. There is no listener
 * rule and no target group per tenant on the plane's, since a load balancer takes about a hundred of them; the router
 * forwards by the private names.
 *
 * Named resources are deleted before they are replaced, because AWS still holds the old one's name.
 */
import * as pulumi from "@pulumi/pulumi";
import { createEcsService } from "./ecsService.ts";
import { createPlace, type Place } from "./place.ts";
import { createServiceParts } from "./serviceParts.ts";
import { SERVICE_NAMES, type ServiceName } from "./services.ts";
import { createSharedParts } from "./sharedParts.ts";
import { type TenantServiceSetArgs, tenantBuild } from "./tenantArgs.ts";

export class TenantServiceSet extends pulumi.ComponentResource {
  /** Service → ARN of its ECS service. */
  readonly serviceArns: Readonly<Record<ServiceName, pulumi.Output<string>>>;
  readonly queueUrl: pulumi.Output<string>;
  /** What the services run on and keep their data in. */
  readonly place: Place;

  constructor(name: string, args: TenantServiceSetArgs, options?: pulumi.ComponentResourceOptions) {
    super("tenantry:index:TenantServiceSet", name, {}, options);
    const build = tenantBuild(args, this);
    const place = createPlace(build);
    const shared = createSharedParts(build, place);
    const arns = SERVICE_NAMES.map((service): [ServiceName, pulumi.Output<string>] => {
      const parts = createServiceParts(build, service, place);
      return [service, createEcsService(build, service, shared, parts, place).arn];
    });
    this.serviceArns = Object.fromEntries(arns) as Record<ServiceName, pulumi.Output<string>>;
    this.place = place;
    this.queueUrl = shared.queue.url;
    this.registerOutputs({ serviceArns: this.serviceArns, queueUrl: this.queueUrl });
  }
}
