import { setting, whole } from "./setting.ts";

/** How long things are kept, and how long they can be taken back. */
export const retentionSettings = {
  /** How long a decommissioning can be undone when its request does not say; 0 destroys at once. */
  decommissionGraceMs: setting(
    "how long a decommissioning can be undone, 0 for not at all (604800000)",
    whole(0, 31_536_000_000).default(7 * 86_400_000),
  ),
  archiveRetentionDays: setting("how long archives are kept at least (365)", whole(1, 3_650).default(365)),
  operationRetentionDays: setting(
    "how long operations that have ended are kept with their journals (400)",
    whole(1, 3_650).default(400),
  ),
  outboxRetentionDays: setting(
    "how long outbox events are kept that nobody has taken (90)",
    whole(1, 3_650).default(90),
  ),
  usageRetentionDays: setting(
    "how long usage events and totals of hours are kept (400)",
    whole(1, 3_650).default(400),
  ),
  usageTotalRetentionDays: setting(
    "how long totals of days and months are kept (2557)",
    whole(1, 36_500).default(2_557),
  ),
  auditRetentionDays: setting("how long audit events are kept, 0 for ever (0)", whole(0, 36_500).default(0)),
  decisionRetentionDays: setting(
    "how long the log of what was allowed is kept (90)",
    whole(1, 36_500).default(90),
  ),
};
