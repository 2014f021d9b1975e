import type { Settings } from "../config.ts";
import { SettingsError } from "./settingsError.ts";

/** Settings that are each right and do not go together. */
export function refuseTogether(settings: Settings): void {
  refuseProcess(settings);
  refuseShortStaleness(settings);
  refuseUsage(settings);
}

function refuseShortStaleness({ entitlementStaleMs, entitlementPropagationMs }: Settings): void {
  if (entitlementStaleMs >= entitlementPropagationMs) return;
  throw new SettingsError(
    `Cannot start: --entitlement-stale-ms must be at least --entitlement-propagation-ms, got ${entitlementStaleMs} and ` +
      `${entitlementPropagationMs}: a reader would stop believing what it has before it need ask again. Lengthen it.`,
  );
}

function refuseProcess({ role, databaseUrl, leaseMs, killTimeMs }: Settings): void {
  if (role !== "all" && databaseUrl === undefined) {
    throw new SettingsError(
      `Cannot start: --role ${role} needs other processes beside it, which need a registry in PostgreSQL (--database-url), ` +
        "and SQLite is for one process alone. Name a database, or leave --role out.",
    );
  }
  if (databaseUrl !== undefined && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    throw new SettingsError(
      "Cannot start: --database-url (or TENANTRY_DATABASE_URL) must be postgres://user:password@host:port/database, " +
        "got another shape. Encode special characters of the password, such as / as %2F.",
    );
  }
  if (killTimeMs * 2 > leaseMs) {
    throw new SettingsError(
      `Cannot start: --kill-time-ms must be at most half of --lease-ms, got ${killTimeMs} of ${leaseMs}: a service that ` +
        "cannot renew its leases must have time to try. Lengthen the lease.",
    );
  }
}

/** An event that could still come when it is no longer kept could be counted twice. */
function refuseUsage({ usageLatenessHours, usageRetentionDays, usageTotalRetentionDays }: Settings): void {
  if (usageLatenessHours > usageRetentionDays * 24) {
    throw new SettingsError(
      `Cannot start: --usage-lateness-hours must be within --usage-retention-days, got ${usageLatenessHours} hours and ` +
        `${usageRetentionDays} days. Keep events longer than they may be late.`,
    );
  }
  if (usageTotalRetentionDays < usageRetentionDays) {
    throw new SettingsError(
      `Cannot start: --usage-total-retention-days must be at least --usage-retention-days, got ${usageTotalRetentionDays} ` +
        `and ${usageRetentionDays}. Keep totals at least as long as what they add up.`,
    );
  }
}
