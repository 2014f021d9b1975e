import { CloudRuntimeError } from "./cloudRuntime.ts";

/**
 * Guards what works on everything below a prefix: an empty one would be the whole bucket, and one that ends in the middle
 * of a name would be somebody else's folder, too.
 */
export function assertFolder(prefix: string): void {
  if (/^[^/].*\/$/s.test(prefix)) return;
  const message = `Cannot work on all objects below ${JSON.stringify(prefix)}: a prefix must end in a slash and not begin with one`;
  throw new CloudRuntimeError("cloud_refused", message, { retryable: false });
}
