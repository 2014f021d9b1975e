import { ProblemError } from "../../contract/errors.ts";

/** What expires must expire later: a time that has passed is a slip, most often of the zone or the year. */
export function refusePast(expiresAt: string | undefined, now: string, field = "expiresAt"): void {
  if (expiresAt === undefined || expiresAt > now) return;
  throw new ProblemError("invalid_request", {
    detail: `Cannot read the request's body: body.${field} must be later than now (${now}), got ${expiresAt}.`,
    hint: `Send a time in the future, in UTC, or leave ${field} out.`,
    errors: [{ path: `body.${field}`, message: `must be later than ${now}`, value: expiresAt }],
  });
}
