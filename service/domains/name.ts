import { domainToASCII, domainToUnicode } from "node:url";
import { CHALLENGE_LABEL, DOMAIN_LIMITS } from "../../contract/domain.ts";

/** A domain as DNS has it and as people read it, or why what was given is none. */
export type DomainName =
  | { readonly domain: string; readonly displayName: string }
  | { readonly problem: string; readonly hint: string };

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** What no public DNS answers for, so that nobody could prove it. */
const NOT_PUBLIC = new Set(["localhost", "local", "internal", "arpa", "onion", "invalid", "alt"]);

/** What is in no name, as letters of some script or as the dots and marks between them. */
const OTHER = /[^\p{L}\p{N}\p{M}.。．｡・·'\-_]/u;

const ASK = "Send a name such as app.acme.example.";

/**
 * Reads what a person typed. What a converter would silently drop or turn into something else (invisible characters, an
 * address in disguise) is refused: the name that is proven must be the one that was seen.
 */
export function readDomainName(given: string): DomainName {
  if (given.includes("*")) {
    return {
      problem: "must not be a wildcard",
      hint: "Claim each name by itself: a wildcard cannot be proven.",
    };
  }
  if (/[\p{C}\p{Z}]/u.test(given))
    return { problem: "must not have spaces or invisible characters", hint: ASK };
  if (OTHER.test(given)) {
    return { problem: "must be a name alone, without scheme, port or path", hint: ASK };
  }
  const domain = domainToASCII(given.replace(/\.$/, ""));
  const labels = domain.split(".");
  if (domain === "" || !labels.every((label) => LABEL.test(label))) {
    return { problem: "must be labels of letters, digits and inner hyphens, with dots between", hint: ASK };
  }
  const displayName = domainToUnicode(domain);
  // What cannot be decoded is given back as it was.
  const isOdd = displayName.split(".").some((label) => label.startsWith("xn--"));
  if (isOdd || domainToASCII(displayName) !== domain || OTHER.test(displayName)) {
    return { problem: "must be valid punycode where a label begins with xn--", hint: ASK };
  }
  return checked(domain, labels);
}

function checked(domain: string, labels: readonly string[]): DomainName {
  const last = labels.at(-1) ?? "";
  if (labels.length < 2) return { problem: "must have a dot: a top-level domain is nobody's", hint: ASK };
  if (/^\d+$/.test(last)) return { problem: "must be a name, not an address", hint: ASK };
  if (NOT_PUBLIC.has(last))
    return { problem: `must be public: no DNS proves names under .${last}`, hint: ASK };
  if (`${CHALLENGE_LABEL}.${domain}`.length > DOMAIN_LIMITS.nameChars) {
    return { problem: `must leave room for ${CHALLENGE_LABEL} before it within 253 characters`, hint: ASK };
  }
  return { domain, displayName: domainToUnicode(domain) };
}

/** Whether the name is the domain itself or one beneath it. */
export function isUnder(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}
