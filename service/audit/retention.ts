import type { DataClass } from "../../contract/retention.ts";
import { keepDaysOf, type RetentionDefaults } from "../../registry/retention.ts";
import type { ServiceContext } from "../app/context.ts";
import type { Settings } from "../config.ts";

export function retentionDefaults(settings: Settings): RetentionDefaults {
  return {
    audit: settings.auditRetentionDays === 0 ? null : settings.auditRetentionDays,
    decisions: settings.decisionRetentionDays,
    operations: settings.operationRetentionDays,
    outbox: settings.outboxRetentionDays,
    usage: settings.usageRetentionDays,
  };
}

/** What a pass of housekeeping goes by; null: for ever. */
export async function keepDays(
  { registry, settings }: Pick<ServiceContext, "registry" | "settings">,
  dataClass: DataClass,
): Promise<number | null> {
  return registry.read((db) => keepDaysOf(db, dataClass, retentionDefaults(settings)));
}
