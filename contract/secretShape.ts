/**
 * Tells what looks like a secret, so that settings and references can refuse it. It errs towards letting through:
 * a false refusal blocks somebody's work, and a setting is not the only guard. Digests and UUIDs are no secrets.
 */
const KNOWN_SHAPES: readonly (readonly [name: string, shape: RegExp])[] = [
  ["a private key", /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ["an AWS access key", /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/],
  ["a GitHub token", /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})/],
  ["a Slack token", /\bxox[abeprs]-[A-Za-z0-9-]{10,}/],
  ["a provider key", /\b(?:sk|rk|pk)[-_](?:live|test|ant|proj|or)?[-_A-Za-z0-9]{20,}/],
  ["a Pulumi token", /\bpul-[a-f0-9]{40}\b/],
  ["a Tenantry key", /\btk_[a-z0-9]{8,}_[A-Za-z0-9_-]{20,}/],
  ["a JSON web token", /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/],
  ["a URL with a password", /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/@]+@/i],
  ["a connection string with a password", /\b(?:password|pwd)\s*=\s*[^\s;]+/i],
];

const RANDOM_MIN_CHARS = 32;
/** Bits a character; hex tops out at 4, English text near 4.1, base64 of random bytes lies above 4.5 from 32 on. */
const RANDOM_MIN_ENTROPY = 4.3;

/** What the value looks like, in words, or undefined when it looks harmless. */
export function secretShapeOf(value: string): string | undefined {
  for (const [name, shape] of KNOWN_SHAPES) if (shape.test(value)) return name;
  const words = value.split(/[\s,;:/.@]+/);
  return words.some(looksRandom) ? "a random key" : undefined;
}

function looksRandom(word: string): boolean {
  if (word.length < RANDOM_MIN_CHARS || !/^[A-Za-z0-9+=_-]+$/.test(word)) return false;
  if (!/[A-Z]/.test(word) || !/[a-z]/.test(word) || !/[0-9]/.test(word)) return false;
  return entropyOf(word) >= RANDOM_MIN_ENTROPY;
}

function entropyOf(word: string): number {
  const counts = new Map<string, number>();
  for (const character of word) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / word.length) * Math.log2(count / word.length);
  return bits;
}

const SECRET_LAST_WORDS = new Set([
  "password",
  "passwd",
  "pwd",
  "secret",
  "token",
  "apikey",
  "credential",
  "credentials",
]);
const KEY_QUALIFIERS = new Set(["api", "private", "access", "secret", "encryption", "signing", "master"]);

/** True for names such as DB_PASSWORD and stripeApiKey; false for MAX_TOKENS and TOKEN_TTL_SECONDS. */
export function namesSecret(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
  const last = words.at(-1);
  if (last === undefined) return false;
  return SECRET_LAST_WORDS.has(last) || (last === "key" && KEY_QUALIFIERS.has(words.at(-2) ?? ""));
}
