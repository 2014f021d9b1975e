import * as pulumi from "@pulumi/pulumi";

/** Has the type and name of the real component, so that its children have the URNs of the real ones. */
export class TenantLikeParent extends pulumi.ComponentResource {
  constructor(options: pulumi.ComponentResourceOptions) {
    super("tenantry:index:TenantServiceSet", "tenant", {}, options);
  }
}
