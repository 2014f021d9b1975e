/**
 * The words by which a tenant is found. They are folded alike when written and when asked for, and in our own code, so
 * that both databases find the same: case, accents and width do not count, and what is neither letter nor digit divides.
 */
export const SEARCH_LIMITS = { wordChars: 64, wordsPerTenant: 500, wordsPerQuery: 8 } as const;

/** `Ärzte-Haus Ⅷ` becomes `arzte-haus viii`. */
export function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toUpperCase().toLowerCase().normalize("NFC");
}

/** The different words of texts, from the first on, up to the limit. */
export function wordsOf(texts: Iterable<string>, limit: number): string[] {
  const words = new Set<string>();
  for (const text of texts) {
    for (const [word] of folded(text).matchAll(/[\p{L}\p{N}]+/gu)) {
      if (words.size === limit) return [...words];
      words.add([...word].slice(0, SEARCH_LIMITS.wordChars).join(""));
    }
  }
  return [...words];
}

const SORT_CHARS = 60;

/** What a list by display name goes by; short, so that a cursor has room for it. */
export function sortTextOf(displayName: string): string {
  return [...folded(displayName)].slice(0, SORT_CHARS).join("");
}
