/** Where the tenants' operations are, too: the same operations, under the path that the tenant platform's API has them. */
const CANONICAL = "/v1/control-plane/tenants";
const ALIAS = "/api/tenants";

/** The other place of a path, if it has one. */
export function aliasOf(path: string): string | undefined {
  return isBelow(CANONICAL, path) ? ALIAS + path.slice(CANONICAL.length) : undefined;
}

/** The path that the contract knows; its query, if any, stays. Limits, idempotency and logs all go by it. */
export function canonicalPath(path: string): string {
  return isBelow(ALIAS, path) ? CANONICAL + path.slice(ALIAS.length) : path;
}

function isBelow(base: string, path: string): boolean {
  return path.startsWith(base) && /^(?:[/?]|$)/.test(path.slice(base.length));
}
