/** Bounds of what of a reason can be found again. */
const WORDS = 60;
const WORD_CHARS = 40;
/** Numbers and ids count, single letters do not. */
const SHORTEST = 2;

/** The words that a reason is found by: lower case, without accents, each once. */
export function reasonWords(text: string): string[] {
  const plain = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const words = plain.match(/[\p{L}\p{N}]+/gu) ?? [];
  const kept = words.filter((word) => word.length >= SHORTEST).map((word) => word.slice(0, WORD_CHARS));
  return [...new Set(kept)].slice(0, WORDS);
}
