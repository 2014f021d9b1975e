import type { TargetView } from "./view.ts";

/** Targets for which there is a reason, those with the same one together, in the order they came. */
export function byReason(
  targets: readonly TargetView[],
  reasonOf: (target: TargetView) => string | undefined,
): { reason: string; targetIds: string[] }[] {
  const groups = new Map<string, string[]>();
  for (const target of targets) {
    const reason = reasonOf(target);
    if (reason === undefined) continue;
    const group = groups.get(reason);
    if (group === undefined) groups.set(reason, [target.targetId]);
    else group.push(target.targetId);
  }
  return [...groups].map(([reason, targetIds]) => ({ reason, targetIds }));
}
