import { NODATA, NOTFOUND, Resolver } from "node:dns";
import { promisify } from "node:util";
import type { Settings } from "../config.ts";

/**
 * The TXT records of a name. `none` is an answer: the name or the record is not there. `error` is none: the DNS did not answer, and
 * nobody loses a domain for that.
 */
export type TxtAnswer =
  | { readonly kind: "found"; readonly values: readonly string[] }
  | { readonly kind: "none" }
  | { readonly kind: "error"; readonly code: string };

export type TxtLookup = (name: string) => Promise<TxtAnswer>;

const TIMEOUT_MS = 3_000;
const TRIES = 3;
/** Of what somebody else's DNS says. */
const MOST_VALUES = 50;

/** Asks the servers, or those of the machine when none is named. */
export function createTxtLookup(servers: readonly string[]): TxtLookup {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (servers.length > 0) resolver.setServers([...servers]);
  const resolveTxt = promisify(resolver.resolveTxt.bind(resolver));
  return async (name) => {
    try {
      const records = await resolveTxt(name);
      return { kind: "found", values: records.slice(0, MOST_VALUES).map((parts) => parts.join("")) };
    } catch (thrown) {
      const code = (thrown as NodeJS.ErrnoException).code ?? "unknown";
      if (code === NOTFOUND || code === NODATA) return { kind: "none" };
      return { kind: "error", code };
    }
  };
}

const lookups = new WeakMap<Settings, TxtLookup>();

export function txtLookupOf(settings: Settings): TxtLookup {
  const known = lookups.get(settings) ?? createTxtLookup(settings.dnsServers);
  lookups.set(settings, known);
  return known;
}
