import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { certificateVerify } from "../../registry/certificateVerify.ts";
import type { TargetDeletion } from "../../registry/schema.ts";
import { limits } from "../config/limits.ts";
import { createSigner } from "../signing/signer.ts";
import { addDeletions, type CertificateFacts, certificateOf } from "./certificate.ts";

const nothing: TargetDeletion = {
  resourcesDeleted: 0,
  database: "none",
  objectsDeleted: 0,
  scheduledForDeletion: [],
  resources: [],
  resourcesUnlisted: 0,
};
const named = (...names: string[]) => names.map((name) => ({ type: "aws:sqs/queue:Queue", name }));
const secret = { arn: "arn:secret", type: "secretsmanager:secret", deletionAt: null };

describe("what was removed of a target", () => {
  it("names each resource once, however often the target was emptied", () => {
    const first = { ...nothing, resourcesDeleted: 2, resources: named("b", "a") };
    const second = { ...nothing, resourcesDeleted: 1, resources: named("b", "c") };
    const all = addDeletions(addDeletions(null, first), second);
    expect(all).toMatchObject({ resourcesDeleted: 3, resources: named("a", "b", "c"), resourcesUnlisted: 0 });
  });

  it("counts what it does not name: past the limit, and what was removed before names were kept", () => {
    const names = Array.from({ length: limits.certifiedResources + 3 }, (_, place) => `queue-${place}`);
    const many = addDeletions(null, { ...nothing, resources: named(...names) });
    expect(many.resources).toHaveLength(limits.certifiedResources);
    expect(many.resourcesUnlisted).toBe(3);
    const { resources: _none, resourcesUnlisted: _neither, ...old } = { ...nothing, resourcesDeleted: 26 };
    expect(addDeletions(old, { ...nothing, resources: named("a") })).toMatchObject({
      ...{ resources: named("a"), resourcesUnlisted: 26 },
    });
  });
});

describe("the certificate", () => {
  const certified = (deletion: TargetDeletion | null) => certificateOf(factsOf(deletion));

  it("does not say of what the cloud deletes later that it is gone", () => {
    const resources = [...named("a"), { type: "aws:secretsmanager/secret:Secret", name: secret.arn }];
    const [target] = certified({ ...nothing, resources, scheduledForDeletion: [secret] }).targets;
    expect(target).toMatchObject({ resources: named("a"), scheduledForDeletion: [secret] });
  });

  it("names nothing of a target that was never there", () => {
    expect(certified(null).targets[0]).toMatchObject({ resources: [], resourcesUnlisted: 0 });
  });

  it("is verified with its names, and so is one of before there were any", () => {
    const { resources: _none, resourcesUnlisted: _neither, ...old } = { ...nothing, resourcesDeleted: 26 };
    const { keyId, publicKey, sign } = createSigner(generateKeyPairSync("ed25519").privateKey);
    const signed = (deletion: TargetDeletion) => {
      const certificate = certified(deletion);
      const value = sign(canonicalJson(certificate));
      return { certificate, signature: { algorithm: "Ed25519", keyId, value } };
    };
    const keys = [{ keyId, publicKey }];
    const before = signed(old);
    expect(before.certificate.targets[0]).not.toHaveProperty("resources");
    expect(certificateVerify(before, keys)).toMatchObject({ verified: true });
    const now = signed({ ...nothing, resources: named("a") });
    expect(certificateVerify(now, keys)).toMatchObject({ verified: true });
    const forged = structuredClone(now);
    forged.certificate.targets[0]?.resources?.pop();
    expect(certificateVerify(forged, keys)).toMatchObject({ verified: false });
  });
});

function factsOf(deletion: TargetDeletion | null): CertificateFacts {
  const id = "00000000-0000-4000-8000-000000000001";
  const at = "2026-03-01T09:00:00.000Z";
  return {
    tenant: { tenantId: id, slug: "acme" },
    decommission: { decommissionId: id, reason: "ended", requestedBy: "key-of-ada", requestedAt: at },
    targets: [
      {
        ...{ targetId: id, planeName: "dev-eu-west-1", region: "eu-west-1", deletion },
        ...{ projectName: `tenant-${id}`, stackName: "dev-eu-west-1-1" },
      },
    ],
    archives: [],
    now: at,
  };
}
