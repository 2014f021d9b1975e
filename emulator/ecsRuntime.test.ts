import { describe, expect, it } from "vitest";
import {
  deploymentStatus,
  markHealthy,
  markUnhealthy,
  settleDeployment,
  startDeployment,
} from "./ecsRuntime.ts";
import { Profile } from "./profile.ts";
import type { Properties, StoredResource } from "./resourceType.ts";

const profile = Profile.parse({ ecsSteadyMs: 1_000 });

function service(runtime: Properties, properties: Properties = {}): StoredResource {
  return {
    account: "123456789012",
    region: "eu-west-1",
    type: "aws:ecs/service:Service",
    id: "arn",
    arn: "arn",
    name: "web",
    properties: { desiredCount: 3, waitForSteadyState: true, ...properties },
    runtime,
    state: "present",
    deletionAt: undefined,
    createdAt: "2026-01-01T00:00:00.000Z",
  };
}

describe("an ECS deployment", () => {
  it("goes from pending over running to completed", () => {
    const started = service(startDeployment(10_000));
    const at = (elapsedMs: number) => deploymentStatus(started, profile, 10_000 + elapsedMs);
    expect(at(0)).toMatchObject({
      runningCount: 0,
      pendingCount: 3,
      rolloutState: "IN_PROGRESS",
      steadyInMs: 1_000,
    });
    expect(at(600)).toMatchObject({ runningCount: 3, pendingCount: 0, rolloutState: "IN_PROGRESS" });
    expect(at(1_000)).toMatchObject({ runningCount: 3, rolloutState: "COMPLETED", steadyInMs: 0 });
  });

  it("is steady at once with nothing to run", () => {
    const status = deploymentStatus(service(startDeployment(0), { desiredCount: 0 }), profile, 0);
    expect(status).toMatchObject({ runningCount: 0, rolloutState: "COMPLETED", steadyInMs: 0 });
  });

  it("never becomes steady while unhealthy, and fails at once with a circuit breaker", () => {
    const ill = service(markUnhealthy(service(startDeployment(0)), "refused", 10));
    expect(deploymentStatus(ill, profile, 9_999)).toMatchObject({
      healthy: false,
      steadyInMs: undefined,
      reason: "refused",
    });
    expect(settleDeployment(ill, profile, 9_999)).toEqual({ waitMs: expect.any(Number) });
    const broken = service(ill.runtime, { deploymentCircuitBreaker: { enable: true, rollback: false } });
    expect(settleDeployment(broken, profile, 9_999)).toEqual({ failed: "deployment failed: refused" });
  });

  it("fails when it was ill from its first moment, also where steadiness takes no time", () => {
    const ill = { startedAtMs: 10, unhealthySinceMs: 10, reason: "cannot pull" };
    const broken = service(ill, { deploymentCircuitBreaker: { enable: true, rollback: false } });
    expect(settleDeployment(broken, Profile.parse({ ecsSteadyMs: 0 }), 10)).toEqual({
      failed: "deployment failed: cannot pull",
    });
  });

  it("is steady with nothing to run, however ill it was", () => {
    const ill = markUnhealthy(service(startDeployment(0)), "refused", 10);
    const stopped = service(ill, { desiredCount: 0, deploymentCircuitBreaker: { enable: true } });
    expect(deploymentStatus(stopped, profile, 20)).toMatchObject({
      rolloutState: "COMPLETED",
      healthy: true,
    });
    expect(settleDeployment(stopped, profile, 20)).toBe("settled");
  });

  it("keeps an illness over the next deployment until somebody heals it", () => {
    const ill = service(markUnhealthy(service(startDeployment(0)), "refused", 10));
    const next = service(startDeployment(5_000, ill));
    expect(deploymentStatus(next, profile, 9_999).healthy).toBe(false);
    expect(deploymentStatus(service(markHealthy(9_000)), profile, 10_000)).toMatchObject({
      healthy: true,
      rolloutState: "COMPLETED",
    });
  });

  it("is waited for only when the program asks", () => {
    expect(settleDeployment(service(startDeployment(0), { waitForSteadyState: false }), profile, 1)).toBe(
      "settled",
    );
    expect(settleDeployment(service(startDeployment(0)), profile, 1)).toEqual({ waitMs: 999 });
  });
});
