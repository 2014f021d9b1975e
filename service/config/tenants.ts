import { z } from "zod";
import { isDnsServer } from "../domains/dnsServer.ts";
import { listed, setting, whole } from "./setting.ts";

/** What tenants may do, how much of it, and how they are reached. */
export const tenantsSettings = {
  connectorCatalog: setting(
    "YAML file of the connectors that tenants can be connected with (catalog/connectors.yaml)",
    z.string().min(1).optional(),
  ),
  entitlementPropagationMs: setting(
    "how long a change of what a tenant may do may take to reach its services (60000)",
    whole(1_000, 3_600_000).default(60_000),
  ),
  /** How old a bundle of entitlements may be before its readers go by what each capability declares for that. */
  entitlementStaleMs: setting(
    "how old a bundle of entitlements may be before readers stop believing it (900000)",
    whole(1_000, 30 * 86_400_000).default(900_000),
  ),
  usageLatenessHours: setting(
    "how long after it happened a usage event is still counted (168)",
    whole(1, 8_784).default(168),
  ),
  /** Requests of one key that are answered in a minute, by all services together; 0 for any number. */
  rateLimit: setting(
    "requests of one key that are answered in a minute, 0 for any number (600000)",
    whole(0, 1_000_000_000).default(600_000),
  ),
  /** Requests without a valid key from one address that this service answers in a minute; 0 for any number. */
  rateLimitAddress: setting(
    "requests without a valid key from one address in a minute, 0 for any number (3000)",
    whole(0, 1_000_000_000).default(3_000),
  ),
  /** Proxies before the service that say in X-Forwarded-For whom they speak for; 0: nobody's word is taken. */
  trustedProxies: setting(
    "proxies before the service whose X-Forwarded-For is believed (0)",
    whole(0, 10).default(0),
  ),
  /** Under a plane's domain, the name that answers for all its tenants; shorter than any slug, so no tenant can have it. */
  sharedHostLabel: setting(
    "name under a plane's domain that answers for all its tenants, or none (go)",
    z
      .string()
      .regex(
        /^([a-z][a-z0-9]?|none)$/,
        "must be one or two lowercase letters or digits, a letter first, or none",
      )
      .default("go")
      .transform((label) => (label === "none" ? undefined : label)),
  ),
  /** Who is asked for the records of tenants' domains: addresses, with ports if need be; else whom the machine asks. */
  dnsServers: setting(
    "who is asked for the records of tenants' domains, with commas between (the machine's)",
    listed.refine((servers) => servers.every(isDnsServer), "must be addresses, each with :port if need be"),
  ),
  domainLookMs: setting(
    "how often domains that are due are looked for (15000)",
    whole(50, 3_600_000).default(15_000),
  ),
};
