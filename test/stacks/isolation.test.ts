/**
 * No tenant's role can touch another's resources (P6).
 *
 * The policies are the ones the programs register, taken from runs under mocks, and they are evaluated by a
 * maintained evaluator together with the permissions boundary. Own access is asserted as well as cross access: a
 * policy that denies everything would pass a test of denials alone.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { ofType, recordWithMocks, runMocked } from "../../components/testing/pulumiMocks.ts";
import { tenantProgram } from "../../stacks/tenant/program.ts";
import { isolationOf, SERVICE_NAMES } from "../../stacks/tenant/spec.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { everything, intended, secretArn } from "./accesses.ts";
import { ACCOUNT, allowed, allowedUnchecked, type Role } from "./evaluator.ts";
import {
  boundaryOf,
  fleetMember,
  identityOf,
  type Member,
  type Plane,
  planeFacts,
  policyLength,
  SETUP_TIMEOUT_MS,
} from "./fleet.ts";

recordWithMocks();

const SUBNETS = { network: "subnets", cidrBlock: "10.32.192.0/24" } as const;

describe("tenant roles", () => {
  const planes = new Map<string, Plane>();
  const fleet: Member[] = [];

  beforeAll(async () => {
    for (const environment of ["dev", "prod"] as const)
      planes.set(environment, await planeFacts(environment));
    const tenants = [
      ["00000000-0000-4000-8000-000000000001", "acme"],
      // The same first digits, a slug that another's begins with, and slugs that look like our own names.
      ["00000000-0000-4000-8000-000000000011", "acme-2"],
      ["0b54c7a1-6f43-4a0e-9a55-6d2f1c3e8b01", "tn-dev"],
      ["0b54c7a1-6f43-4a0e-9a55-6d2f1c3e8b02", "tenants"],
      ["ffffffff-ffff-4fff-8fff-ffffffffffff", "xn--80ak6aa92e"],
      ["12345678-1234-4234-8234-123456789abc", `${"a".repeat(62)}b`],
    ] as const;
    const owners = [
      ["00000000-0000-4000-8000-000000000021", "hybrid", isolationOf("hybrid")],
      ["00000000-0000-4000-8000-000000000022", "vpc", isolationOf("dedicated")],
      ["00000000-0000-4000-8000-000000000023", "subnets", isolationOf("dedicated", SUBNETS)],
    ] as const;
    for (const environment of ["dev", "prod"] as const) {
      // The second environment adds what is new in it: the same tenants once more, on another plane.
      const members = environment === "dev" ? tenants : tenants.slice(0, 2);
      for (const [tenantId, slug] of members)
        fleet.push(await fleetMember(planes, environment, tenantId, slug));
      // Neighbours of all of them that own something.
      for (const [tenantId, slug, isolation] of owners)
        fleet.push(await fleetMember(planes, environment, tenantId, slug, isolation));
    }
  }, SETUP_TIMEOUT_MS);

  it("reach what their own tenant has", async () => {
    const denied: string[] = [];
    for (const one of fleet) {
      for (const role of one.roles) {
        for (const access of intended(one, role)) {
          if (!(await allowed(role, boundaryOf(planes, one), access)))
            denied.push(`${one.label} ${role.name} ${access.action}`);
        }
      }
    }
    expect(denied).toEqual([]);
  });

  it(
    "reach nothing that another tenant has, in any pair, in any environment",
    async () => {
      const reached: string[] = [];
      let checked = 0;
      for (const one of fleet) {
        for (const other of fleet) {
          if (one === other) continue;
          for (const role of one.roles) {
            for (const access of everything(other)) {
              checked += 1;
              if (allowedUnchecked(role, boundaryOf(planes, one), access)) {
                reached.push(`${one.label} ${role.name} ${access.action} ${access.resource}`);
              }
            }
          }
        }
      }
      expect(checked).toBeGreaterThan(fleet.length * (fleet.length - 1) * 6 * 20);
      expect(reached).toEqual([]);
    },
    SETUP_TIMEOUT_MS,
  );

  it("stay inside their tenant even when a policy of theirs allows everything", async () => {
    const [one, neighbour] = fleet;
    if (one === undefined || neighbour === undefined) throw new Error("the fleet must have two members");
    const everythingAllowed = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
    };
    const [some] = one.roles;
    if (some === undefined) throw new Error("a member must have roles");
    const careless: Role = { ...some, policies: [{ name: "careless", policy: everythingAllowed }] };
    for (const access of everything(neighbour)) {
      expect(await allowed(careless, boundaryOf(planes, one), access), access.action).toBe(false);
    }
    const read = {
      action: "s3:GetObject",
      resource: `${one.spec.plane.outputs.dataBucketArn}/${one.layout.storagePrefix}x`,
    };
    expect(await allowed(careless, boundaryOf(planes, one), read)).toBe(true);
    const untagged: Role = { ...careless, tags: {} };
    expect(await allowed(untagged, boundaryOf(planes, one), read)).toBe(false);
  });

  it("keep one service's secrets from the tenant's other services", async () => {
    const [one] = fleet;
    if (one === undefined) throw new Error("the fleet must not be empty");
    for (const role of one.roles.filter(({ name }) => name !== "execution")) {
      for (const service of SERVICE_NAMES) {
        const secret = secretArn(one, one.layout.services[service].secretName);
        const access = { action: "secretsmanager:GetSecretValue", resource: secret };
        expect(await allowed(role, boundaryOf(planes, one), access), `${role.name} ${service}`).toBe(
          role.name === service,
        );
      }
    }
  });

  it("trust ECS tasks of this account and nobody else", async () => {
    const run = await runMocked(tenantProgram(tenantSpec(), identityOf(tenantSpec())));
    for (const role of ofType(run, "aws:iam/role:Role")) {
      const trust = JSON.parse(role.inputs.assumeRolePolicy);
      expect(trust.Statement).toHaveLength(1);
      expect(trust.Statement[0]).toMatchObject({
        Principal: { Service: "ecs-tasks.amazonaws.com" },
        Condition: { StringEquals: { "aws:SourceAccount": ACCOUNT } },
      });
    }
  });

  it("fit into what AWS lets a policy be long", () => {
    for (const { boundary } of planes.values()) expect(policyLength(boundary)).toBeLessThanOrEqual(6_144);
    for (const role of fleet.flatMap(({ roles }) => roles)) {
      expect(role.policies.reduce((sum, { policy }) => sum + policyLength(policy), 0)).toBeLessThanOrEqual(
        10_240,
      );
    }
  });
});
