/** Lets a message through at most once in so long, with how many were kept back since the last. */
export function sparse(
  write: (message: string, keptBack: number) => void,
  everyMs: number,
  now: () => number = Date.now,
): (message: string) => void {
  let writtenAt = Number.NEGATIVE_INFINITY;
  let keptBack = 0;
  return (message) => {
    if (now() - writtenAt < everyMs) {
      keptBack += 1;
      return;
    }
    write(message, keptBack);
    writtenAt = now();
    keptBack = 0;
  };
}
