/**
 * Whether it stopped in time: a step that does not heed its signal must not keep the process for ever. What is cut off then is
 * taken up as after a kill, by another process or the next start.
 */
export async function stopWithin(limitMs: number, stop: () => Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([stop().then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
