import * as pulumi from "@pulumi/pulumi";
import { assertTagIdentity, identityTags } from "./identity.ts";
import type { TenantSpec } from "./spec.ts";

/**
 * Refuses, before the provider is called, to update a resource whose tags name another target (P5). It costs no
 * measurable time. Deletions are not hooked: a stack whose resources have delete hooks can only be destroyed by its
 * program, and the engine checks the whole state before it destroys.
 */
export function identityHooks(spec: TenantSpec): pulumi.ResourceHookBinding {
  const expected = identityTags(spec);
  const hook = new pulumi.ResourceHook("tenant-identity", ({ urn, oldInputs, oldOutputs }) => {
    for (const tags of [oldInputs?.tags, oldOutputs?.tags]) assertTagIdentity(urn, tags, expected);
  });
  return { beforeUpdate: [hook] };
}
