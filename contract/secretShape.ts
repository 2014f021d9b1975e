/**
 * Tells what looks like a secret, so that settings and references can refuse it. It errs towards letting through:
 * a false refusal blocks somebody's work, and a setting is not the only guard. Digests and UUIDs are no secrets.
 */
const KNOWN_SHAPES: readonly (readonly [name: string, shape: RegExp])[] = [
  [
    "a private key",
    /-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\bAGE-SECRET-KEY-1[0-9A-Z]{50,}|PuTTY-User-Key-File-\d/,
  ],
  ["an AWS access key", /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/],
  ["a Google API key", /\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/],
  [
    "an Azure account key",
    /\b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}|[?&]sig=[A-Za-z0-9%+/]{40,}/,
  ],
  ["a GitHub token", /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})/],
  ["a GitLab token", /\bgl(?:pat|ptt|dt|rt|cbt|agent|soat)-[A-Za-z0-9_-]{20,}/],
  ["a Slack token", /\bxox[abeprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Z0-9]{8,}-/],
  [
    "a Slack webhook",
    /\bhooks\.slack\.com\/(?:services|workflows)\/[A-Z0-9]{6,}\/[A-Z0-9]{6,}\/[A-Za-z0-9]{16,}/,
  ],
  ["a provider key", /\b(?:sk|rk|pk)[-_](?:live|test|ant|proj|or)?[-_A-Za-z0-9]{20,}/],
  ["a webhook secret", /\bwhsec_[A-Za-z0-9+/]{20,}/],
  ["a mail service's key", /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|\bkey-[0-9a-f]{32}\b/],
  ["a package registry's token", /\b(?:npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}|rubygems_[a-f0-9]{40,})/],
  ["a Hugging Face token", /\bhf_[A-Za-z]{30,}\b/],
  ["a Vault token", /\bhv[sbr]\.[A-Za-z0-9_-]{24,}/],
  ["a Databricks token", /\bdapi[a-f0-9]{32}\b/],
  ["a cloud token", /\b(?:dop|doo|dor)_v1_[a-f0-9]{64}\b|\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b/],
  ["a Pulumi token", /\bpul-[a-f0-9]{40}\b/],
  ["a Tenantry key", /\btk_[a-z0-9]{8,}_[A-Za-z0-9_-]{20,}/],
  ["a JSON web token", /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/],
  ["a URL with a password", /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/@]+@/i],
  ["a connection string with a password", /\b(?:password|pwd)\s*=\s*[^\s;]+/i],
  [
    "a member with a secret",
    /"(?:password|passwd|pwd|client_?secret|api_?key|access_?token|refresh_?token|private_?key)"\s*:\s*"[^"]+"/i,
  ],
  [
    "an Authorization header",
    /\bauthorization"?\s*[:=]\s*"?(?:bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{8,}/i,
  ],
];

const RANDOM_MIN_CHARS = 32;
/** Bits a character; hex tops out at 4, English text near 4.1, base64 of random bytes lies above 4.5 from 32 on. */
const RANDOM_MIN_ENTROPY = 4.3;
const SLASHED_MIN_CHARS = 40;
const SLASHED_MIN_ENTROPY = 4.6;
/** A hash that says so: `sha256-` and base64, as integrity attributes have it. */
const DIGEST = /^sha(?:1|224|256|384|512)[-_=]/i;
/** Text in base64, such as a cursor, is looked into once; twice wrapped is past what anybody does by mistake. */
const WRAPPED = /^[A-Za-z0-9+/_-]{16,}={0,2}$/;

/** What the value looks like, in words, or undefined when it looks harmless. */
export function secretShapeOf(value: string): string | undefined {
  const known = knownShapeOf(value);
  if (known !== undefined) return known;
  for (const word of value.split(/[\s,;:/.@]+/)) {
    const text = wrappedText(word);
    const shape = text === undefined ? randomShapeOf(word) : knownShapeOf(text);
    if (shape !== undefined) return shape;
  }
  return value.split(/[\s,;:.@]+/).some(looksRandomWithSlashes) ? "a random key" : undefined;
}

function knownShapeOf(value: string): string | undefined {
  return KNOWN_SHAPES.find(([, shape]) => shape.test(value))?.[0];
}

function randomShapeOf(word: string): string | undefined {
  return looksRandom(word) ? "a random key" : undefined;
}

/** Random bytes are next to never printable from end to end, so what is, was written by somebody. */
function wrappedText(word: string): string | undefined {
  if (word.length < RANDOM_MIN_CHARS || !WRAPPED.test(word)) return undefined;
  try {
    const text = atob(word.replaceAll("-", "+").replaceAll("_", "/"));
    return /^[\t\n\r\x20-\x7e]+$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

function looksRandom(word: string): boolean {
  if (word.length < RANDOM_MIN_CHARS || DIGEST.test(word) || !/^[A-Za-z0-9+=_-]+$/.test(word)) return false;
  if (!/[A-Z]/.test(word) || !/[a-z]/.test(word) || !/[0-9]/.test(word)) return false;
  return entropyOf(word) >= RANDOM_MIN_ENTROPY;
}

/** Base64 has slashes, and so have paths; of a path some part is a word or a number of its own, in one case. */
function looksRandomWithSlashes(word: string): boolean {
  if (word.length < SLASHED_MIN_CHARS || !/^[A-Za-z0-9+]+(?:\/[A-Za-z0-9+]*)+={0,2}$/.test(word))
    return false;
  const parts = word.split("/").filter((part) => part.length >= 5);
  if (!parts.every((part) => /[A-Z]/.test(part) && /[a-z]/.test(part))) return false;
  return /[0-9]/.test(word) && entropyOf(word) >= SLASHED_MIN_ENTROPY;
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
/** Of pages and of work, not of access. */
const HARMLESS_QUALIFIERS = new Set(["next", "page", "continuation", "sync", "cursor", "change"]);
const KEY_QUALIFIERS = new Set(["api", "private", "access", "secret", "encryption", "signing", "master"]);

/** Members that say nothing of their own: what `password: { value: … }` holds is the password. */
const EMPTY_NAMES = new Set([
  "value",
  "values",
  "plain",
  "plaintext",
  "text",
  "data",
  "current",
  "previous",
  "old",
  "new",
]);

export function saysNothing(name: string): boolean {
  return EMPTY_NAMES.has(name.toLowerCase());
}

/** True for names such as DB_PASSWORD and stripeApiKey; false for MAX_TOKENS and TOKEN_TTL_SECONDS. */
export function namesSecret(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
  const last = words.at(-1);
  if (last === undefined) return false;
  if (last === "token" && HARMLESS_QUALIFIERS.has(words.at(-2) ?? "")) return false;
  return SECRET_LAST_WORDS.has(last) || (last === "key" && KEY_QUALIFIERS.has(words.at(-2) ?? ""));
}
