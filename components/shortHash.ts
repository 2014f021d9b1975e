import { createHash } from "node:crypto";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const SHORT_HASH_LENGTH = 12;

/**
 * 60 bits of SHA-256 in lower-case base32, which every AWS name accepts. The parts are joined by a character that
 * none of them may hold, so that ("a", "bc") and ("ab", "c") differ.
 */
export function shortHash(...parts: readonly string[]): string {
  const digest = createHash("sha256").update(parts.join("\u0000")).digest();
  let hash = "";
  for (let index = 0; index < SHORT_HASH_LENGTH; index += 1) {
    hash += ALPHABET.charAt((digest[index] ?? 0) & 31);
  }
  return hash;
}
