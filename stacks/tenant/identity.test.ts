import { describe, expect, it } from "vitest";
import { TENANT_ID, tenantSpec } from "../testing/tenantSpec.ts";
import {
  assertSpecIdentity,
  assertStateIdentity,
  assertTagIdentity,
  IdentityMismatchError,
  identityTags,
} from "./identity.ts";

const OTHER = "11111111-6f43-4a0e-9a55-6d2f1c3e8b01";
const identity = { tenantId: TENANT_ID, project: `tenant-${TENANT_ID}`, stack: "dev-eu-west-1-1" };
const urn = (name: string, { stack = identity.stack, project = identity.project } = {}) =>
  `urn:pulumi:${stack}::${project}::aws:sqs/queue:Queue::${name}`;
const tagged = (tenantId: string) => ({ tags: { "tenantry:tenant-id": tenantId } });

describe("assertStateIdentity", () => {
  const own = {
    urn: urn("work"),
    type: "aws:sqs/queue:Queue",
    inputs: tagged(TENANT_ID),
    outputs: tagged(TENANT_ID),
  };
  const stack = { urn: urn("stack"), type: "pulumi:pulumi:Stack", outputs: { tenantId: TENANT_ID } };

  it.each([
    ["an export", { version: 3, deployment: { resources: [stack, own] } }],
    ["a bare deployment", { resources: [stack, own] }],
    ["a stack that holds nothing", { deployment: { manifest: {} } }],
    ["a stack that has no state", { deployment: null }],
    ["resources without tags", { resources: [{ urn: urn("rule"), inputs: { role: "x" } }] }],
  ])("passes %s of the tenant", (_what, state) => {
    expect(() => assertStateIdentity(state, identity)).not.toThrow();
  });

  it.each([
    ["a resource's tag", { ...own, inputs: tagged(OTHER) }],
    ["a tag that only the cloud shows", { ...own, outputs: { tagsAll: tagged(OTHER).tags } }],
    ["the stack's own output", { ...stack, outputs: { tenantId: OTHER } }],
    ["a urn of another stack", { ...own, urn: urn("work", { stack: "dev-eu-west-1-2" }) }],
    ["a urn of another project", { ...own, urn: urn("work", { project: `tenant-${OTHER}` }) }],
  ])("refuses another tenant by %s", (_what, resource) => {
    expect(() => assertStateIdentity({ resources: [own, resource] }, identity)).toThrow(
      IdentityMismatchError,
    );
  });

  it("refuses a project that is not the tenant's", () => {
    const wrong = { ...identity, tenantId: OTHER };
    expect(() => assertStateIdentity({ resources: [] }, wrong)).toThrow(/the project must be "tenant-1111/);
  });

  it.each([["text"], [{ resources: "none" }], [{ resources: [1] }], [{ resources: [{ type: "x" }] }]])(
    "refuses to guess about %j",
    (state) => {
      expect(() => assertStateIdentity(state, identity)).toThrow(/Cannot check the state/);
    },
  );
});

describe("assertSpecIdentity", () => {
  it("passes a spec on its own stack, with or without the account named", () => {
    const spec = tenantSpec();
    expect(() => assertSpecIdentity(spec, identity)).not.toThrow();
    const named = { ...spec, provider: { ...spec.provider, allowedAccountIds: [spec.plane.accountId] } };
    expect(() => assertSpecIdentity(named, identity)).not.toThrow();
  });

  it("says what was expected, what it got, and that nothing was changed", () => {
    const message = /the stack must be "dev-eu-west-1-2", got "dev-eu-west-1-1"\. Nothing was changed/;
    expect(() => assertSpecIdentity(tenantSpec({ generation: 2 }), identity)).toThrow(message);
  });
});

describe("assertTagIdentity", () => {
  const expected = identityTags(tenantSpec());

  it("passes tags of the target whatever its release, and resources without tags", () => {
    const own = { ...expected, "tenantry:release": "7", "tenantry:plan": "enterprise" };
    for (const tags of [own, {}, undefined, null])
      expect(() => assertTagIdentity("x", tags, expected)).not.toThrow();
  });

  it.each(Object.keys(expected))("refuses another value of %s", (key) => {
    const tags = { ...expected, [key]: "another" };
    expect(() => assertTagIdentity("urn:x", tags, expected)).toThrow(`the tag ${key} of urn:x`);
  });
});
