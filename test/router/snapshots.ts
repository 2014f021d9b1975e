import { generateKeyPairSync } from "node:crypto";
import type { RouteState, RoutingSnapshot } from "../../contract/routingSnapshot.ts";
import { sealed } from "../../registry/routingContent.ts";
import { readTrust } from "../../router/trust.ts";
import { createSigner } from "../../service/signing/signer.ts";

export const PLANE = "dev-eu-west-1";

export const signer = createSigner(generateKeyPairSync("ed25519").privateKey);
/** One that nobody trusts. */
export const stranger = createSigner(generateKeyPairSync("ed25519").privateKey);
export const trust = readTrust(signer.publicKey);
export const acceptance = { trust, planeName: PLANE };

export interface Hosts {
  readonly [slug: string]: RouteState;
}

export interface More {
  readonly planeName?: string;
  readonly restores?: number | null;
  readonly signer?: typeof signer;
}

/** `<slug>.example.com` of which `<service>.<slug>.internal` is the private name, and `go.example.com` for all. */
export function snapshot(version: number, hosts: Hosts, more: More = {}): RoutingSnapshot {
  const { planeName = PLANE, restores = null } = more;
  const routes = Object.entries(hosts).map(([slug, state]) => ({
    ...{ host: `${slug}.example.com`, kind: "subdomain" as const, state },
    routingTarget: `${slug}.internal`,
    targetId: `target-of-${slug}`,
    tenantId: `tenant-${slug}`,
  }));
  return sealed(
    {
      ...{ formatVersion: 2, kind: "tenantry.routing", planeName, restores, version, routes },
      publishedAt: "2026-03-01T09:00:00.000Z",
      services: ["audit-service", "iam-service"],
      sharedHost: "go.example.com",
    },
    more.signer ?? signer,
  );
}
