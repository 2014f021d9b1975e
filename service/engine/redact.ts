/**
 * Takes secrets out of text that came from the CLI or a provider, before it is stored, logged or shown.
 *
 * Pulumi masks what it knows to be secret; this catches what it cannot know: credentials in the environment, in
 * URLs and in a provider's error message. Exact values are known from the environment of the run, the rest by shape.
 */

/** Names of environment variables whose values never may appear in text. */
const SENSITIVE_NAME = /PASS(WORD|PHRASE|WD)|SECRET|TOKEN|CREDENTIAL|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY/i;
/** Shorter values (such as "1" or "true") would shred ordinary text. */
const MIN_SECRET_LENGTH = 6;

const SHAPES: readonly (readonly [RegExp, string])[] = [
  [
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    "[redacted private key]",
  ],
  [/\b(AKIA|ASIA)[A-Z0-9]{16}\b/g, "[redacted access key]"],
  [/\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*/g, "[redacted token]"],
  [/\b(pul-[0-9a-f]{40}|gh[pousr]_\w{20,}|xox[abpr]-[\w-]{10,})/g, "[redacted token]"],
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@:]+:[^\s/@]+@/gi, "$1[redacted]@"],
  [/\b(Bearer|Basic)\s+[\w+/=.~-]{8,}/gi, "$1 [redacted]"],
  [
    /([?&](?:X-Amz-(?:Signature|Credential|Security-Token)|access_token|token|sig)=)[^&\s"']+/gi,
    "$1[redacted]",
  ],
  [
    /\b((?:[\w-]*(?:password|passphrase|passwd|secret_?access_?key|secret_?key|secret_?string|api_?key|auth_?token|session_?token))["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;}]+)/gi,
    "$1[redacted]",
  ],
];

export type Redactor = (text: string) => string;

/** Makes a redactor that also knows the secret values of a run's environment. */
export function createRedactor(env: Readonly<Record<string, string | undefined>> = {}): Redactor {
  const values = Object.entries(env)
    .filter(([name, value]) => SENSITIVE_NAME.test(name) && (value?.length ?? 0) >= MIN_SECRET_LENGTH)
    .map(([, value]) => value ?? "")
    .sort((a, b) => b.length - a.length);
  return (text) => {
    let result = text;
    for (const value of values) result = result.replaceAll(value, "[redacted]");
    for (const [shape, replacement] of SHAPES) result = result.replace(shape, replacement);
    return result;
  };
}

/** Pulumi's colour markup, such as `<{%fg 1%}>`, and ANSI escapes. */
export function stripColors(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ANSI escapes are control characters.
  return text.replace(/<\{%[^%]*%\}>/g, "").replace(/\u001b\[[0-9;]*m/g, "");
}
