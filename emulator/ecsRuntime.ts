/**
 * How an ECS service comes to run: a pure function of when its deployment began, the profile and its health mark.
 * Nothing ticks in the background, so a restart loses nothing and a test can look at any moment.
 */
import type { Profile } from "./profile.ts";
import type { Properties, Settlement, StoredResource } from "./resourceType.ts";
import { count, flag, object, text } from "./values.ts";

export interface DeploymentStatus {
  readonly desiredCount: number;
  readonly runningCount: number;
  readonly pendingCount: number;
  readonly rolloutState: "IN_PROGRESS" | "COMPLETED" | "FAILED";
  readonly healthy: boolean;
  readonly reason: string | undefined;
  /** How long until it is steady; 0 when it is, undefined when it never will be by itself. */
  readonly steadyInMs: number | undefined;
}

/** The runtime of a service whose tasks are being replaced from now on. A health mark outlives deployments. */
export function startDeployment(nowMs: number, previous?: StoredResource): Properties {
  return {
    startedAtMs: nowMs,
    unhealthySinceMs: previous && count(previous.runtime, "unhealthySinceMs"),
    reason: previous && text(previous.runtime, "reason"),
  };
}

export function markUnhealthy(service: StoredResource, reason: string, nowMs: number): Properties {
  return { ...service.runtime, unhealthySinceMs: nowMs, reason };
}

/** Tasks start anew, as ECS replaces those that failed their health checks. */
export function markHealthy(nowMs: number): Properties {
  return { startedAtMs: nowMs };
}

export function deploymentStatus(service: StoredResource, profile: Profile, nowMs: number): DeploymentStatus {
  const desiredCount = count(service.properties, "desiredCount") ?? 0;
  const startedAtMs = count(service.runtime, "startedAtMs") ?? 0;
  const unhealthySinceMs = count(service.runtime, "unhealthySinceMs");
  const steadyAtMs = startedAtMs + profile.ecsSteadyMs;
  // A service that wants no task has none that could fail.
  if (unhealthySinceMs !== undefined && desiredCount > 0) {
    // What was unhealthy from its first moment never was steady, however short a time that takes.
    const wasSteady = unhealthySinceMs >= steadyAtMs && unhealthySinceMs > startedAtMs;
    return unhealthyStatus(service, desiredCount, wasSteady);
  }
  const steady = desiredCount === 0 || nowMs >= steadyAtMs;
  const pending = !steady && nowMs < startedAtMs + profile.ecsSteadyMs / 2;
  return {
    desiredCount,
    runningCount: pending ? 0 : desiredCount,
    pendingCount: pending ? desiredCount : 0,
    rolloutState: steady ? "COMPLETED" : "IN_PROGRESS",
    healthy: true,
    reason: undefined,
    steadyInMs: steady ? 0 : steadyAtMs - nowMs,
  };
}

function unhealthyStatus(
  service: StoredResource,
  desiredCount: number,
  wasSteady: boolean,
): DeploymentStatus {
  const breaker = object(service.properties, "deploymentCircuitBreaker");
  const failed = breaker !== undefined && flag(breaker, "enable") === true;
  return {
    desiredCount,
    runningCount: 0,
    pendingCount: desiredCount,
    rolloutState: wasSteady ? "COMPLETED" : failed ? "FAILED" : "IN_PROGRESS",
    healthy: false,
    reason: text(service.runtime, "reason"),
    steadyInMs: undefined,
  };
}

/** `settle` of the service type: only programs that set `waitForSteadyState` wait. */
export function settleDeployment(service: StoredResource, profile: Profile, nowMs: number): Settlement {
  if (flag(service.properties, "waitForSteadyState") !== true) return "settled";
  const status = deploymentStatus(service, profile, nowMs);
  if (status.steadyInMs === 0) return "settled";
  if (status.rolloutState === "FAILED")
    return { failed: `deployment failed: ${status.reason ?? "tasks failed"}` };
  return { waitMs: status.steadyInMs ?? UNHEALTHY_POLL_MS };
}

/** How often a waiting create looks whether somebody marked its service healthy again. */
const UNHEALTHY_POLL_MS = 100;
