export interface QueuedRollout {
  readonly rolloutId: string;
  readonly planes: readonly string[];
}

/**
 * Which queued rollouts may begin, oldest first: those none of whose planes is another's. A rollout that waits keeps its place on all of its
 * planes, so that one of many planes is not passed by for ever by ones of few.
 */
export function mayActivate(
  queued: readonly QueuedRollout[],
  underWay: readonly Pick<QueuedRollout, "planes">[],
): string[] {
  const taken = new Set(underWay.flatMap(({ planes }) => planes));
  const free: string[] = [];
  for (const { rolloutId, planes } of queued) {
    if (planes.every((plane) => !taken.has(plane))) free.push(rolloutId);
    for (const plane of planes) taken.add(plane);
  }
  return free;
}
