/** The candidate a mistyped name most likely meant; undefined when none is near. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const close = (candidate: string) => distance(name.toLowerCase(), candidate.toLowerCase());
  const [best] = candidates
    .map((candidate) => ({ candidate, edits: close(candidate) }))
    .filter(({ candidate, edits }) => edits <= Math.max(2, Math.floor(candidate.length / 3)))
    .sort((left, right) => left.edits - right.edits);
  return best?.candidate;
}

const comparedChars = 40;

/** Letters to add, drop or change to get from one to the other. */
function distance(left: string, right: string): number {
  const [from, to] = [left.slice(0, comparedChars), right.slice(0, comparedChars)];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1;
      // Indexes lie within rows of to.length + 1 numbers.
      next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same);
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
