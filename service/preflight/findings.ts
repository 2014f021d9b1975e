import { PREFLIGHT_LEVELS, type PreflightFinding, type PreflightLevel } from "../../contract/preflight.ts";
import type { Usage, UsageName } from "../cloud/cloudRuntime.ts";
import type { Needs } from "./needs.ts";

/** From numbers to advice; pure. */

/** Past this share of a limit it is time to ask for more: AWS takes days for some. */
const NEAR = 0.8;

interface Check {
  readonly title: string;
  readonly raise: string;
}

const CHECKS: Readonly<Record<UsageName, Check>> = {
  ecs_services: {
    title: "ECS services of the plane's cluster",
    raise: "Raise `Services per cluster` in Service Quotas, or begin another plane.",
  },
  listener_rules: {
    title: "Rules of the plane's HTTPS listener",
    raise: "Raise `Rules per Application Load Balancer`; pooled tenants add none.",
  },
  target_groups: {
    title: "Target groups of the plane's load balancer",
    raise: "It cannot be raised: move what has target groups of its own to another load balancer.",
  },
  iam_roles: {
    title: "IAM roles of the account",
    raise: "Raise `Roles per account` (to 5,000 at most), then begin a plane in another account.",
  },
  security_groups: {
    title: "Security groups of the region",
    raise: "Raise `VPC security groups per Region` in Service Quotas.",
  },
  secrets: {
    title: "Secrets of the region",
    raise: "It cannot be raised: begin a plane in another region or account.",
  },
  log_groups: {
    title: "Log groups of the region",
    raise: "Raise `Log groups` in Service Quotas, or shorten what is kept of other systems.",
  },
  fargate_vcpus: {
    title: "Fargate vCPUs of the region",
    raise: "Raise `Fargate On-Demand vCPU resource count`; a new account starts at 6.",
  },
  subnet_addresses: {
    title: "Addresses of the plane's private subnets",
    raise: "Subnets do not grow: begin another plane.",
  },
};

export function findingsOf(usages: readonly Usage[], needs: Needs): PreflightFinding[] {
  const known = new Map(usages.map((usage) => [usage.name, usage]));
  return (Object.keys(CHECKS) as UsageName[]).map((name) => {
    const usage = known.get(name) ?? { name, used: null, limit: null, problem: "the cloud does not tell it" };
    const { used, limit } = usage;
    const needed = needs[name];
    const level = levelOf(used, limit, needed);
    return {
      check: name,
      title: CHECKS[name].title,
      used,
      limit,
      needed,
      level,
      advice: advice(usage, needed, level),
    };
  });
}

/** With the use unknown, what is needed alone can still be too much. */
export function levelOf(used: number | null, limit: number | null, needed: number): PreflightLevel {
  if (limit === null) return "unknown";
  const after = (used ?? 0) + needed;
  if (after > limit && needed > 0) return "over";
  if (used === null) return "unknown";
  return after > limit * NEAR ? "near" : "ok";
}

export function worst(levels: readonly PreflightLevel[]): PreflightLevel {
  return levels.reduce<PreflightLevel>(
    (left, right) => (PREFLIGHT_LEVELS.indexOf(right) > PREFLIGHT_LEVELS.indexOf(left) ? right : left),
    "ok",
  );
}

export function isWarning({ level }: PreflightFinding): boolean {
  return level === "near" || level === "over";
}

function advice({ name, used, limit, problem }: Usage, needed: number, level: PreflightLevel): string {
  const after = (used ?? 0) + needed;
  const { raise } = CHECKS[name];
  switch (level) {
    case "ok":
      return `${after} of ${limit} would be used.`;
    case "near":
      return `${after} of ${limit} would be used, more than ${NEAR * 100}%. ${raise}`;
    case "over":
      return `${after} would be used and ${limit} are allowed: what goes beyond will fail. ${raise}`;
    case "unknown":
      return `It could not be counted (${problem ?? "not told"}). Look at it in the account before you go on.`;
  }
}
