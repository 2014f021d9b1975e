/**
 * How many tasks a service runs, and who decides: the stack, or autoscaling between two bounds.
 *
 * A service whose bounds are equal needs no autoscaling. Where it is used, the count is left alone (`ignoreChanges`)
 * while the tenant runs, since an update would otherwise undo what the load asked for. A suspended tenant has zero in
 * all three places: a count of zero alone would be scaled out again. The first run afterwards (`resuming`) writes the
 * count once more, because ignoring it then would keep the zero.
 */
export type Workload = "running" | "suspended" | "resuming";

export interface ScalingBounds {
  readonly minCount: number;
  readonly maxCount: number;
}

export interface Scaling {
  readonly desiredCount: number;
  readonly ignoreDesiredCount: boolean;
  /** Absent when the plan leaves nothing to scale. Depends on the plan only, so that suspending removes nothing. */
  readonly bounds: ScalingBounds | undefined;
}

export function serviceScaling(plan: ScalingBounds, workload: Workload): Scaling {
  if (plan.minCount < 0 || plan.minCount > plan.maxCount) {
    throw new Error(
      `Cannot scale a service: its counts must be 0 <= min <= max, got ${plan.minCount} and ${plan.maxCount}`,
    );
  }
  const scaled = plan.maxCount > plan.minCount;
  if (workload === "suspended") {
    return {
      desiredCount: 0,
      ignoreDesiredCount: false,
      bounds: scaled ? { minCount: 0, maxCount: 0 } : undefined,
    };
  }
  return {
    desiredCount: plan.minCount,
    ignoreDesiredCount: scaled && workload === "running",
    bounds: scaled ? { minCount: plan.minCount, maxCount: plan.maxCount } : undefined,
  };
}
