import type { Route } from "../../contract/route.ts";
import { type OperationId, routes } from "../../contract/routes.ts";
import { API_KEY_ROLES } from "../../contract/vocabulary.ts";
import { type ScopeRule, scopeRuleOf } from "./environmentScope.ts";
import { roleCovers } from "./roleCovers.ts";

const SCOPES: Readonly<Record<ScopeRule, string>> = {
  read: "reads all",
  "no environment": "may",
  "by what it names": "where it is",
  "all environments": "no",
};

/** Every operation against every role, as docs/authorization.md has it; made from the contract. */
export function authorizationMatrix(): string {
  const rows = Object.entries(routes as Readonly<Record<string, Route>>)
    .map(([operationId, route]) => rowOf(operationId as OperationId, route))
    .sort();
  return [
    "# Authorization",
    "",
    "Made from the contract by `npm run contract`; what it means is in [roles.md](roles.md). What is not here is denied.",
    "",
    "The last column is for keys that are for some environments: *where it is* means that all that the request reaches must lie in",
    "them, *no* that it reaches the whole fleet.",
    "",
    `| operation | request | ${API_KEY_ROLES.join(" | ")} | key for some environments |`,
    `| --- | --- | ${API_KEY_ROLES.map(() => "---").join(" | ")} | --- |`,
    ...rows,
    "",
  ].join("\n");
}

function rowOf(operationId: OperationId, route: Route): string {
  const { role, method, path } = route;
  const held = API_KEY_ROLES.map((one) => (role === null || roleCovers(one, role) ? "yes" : "–"));
  const scope = role === null ? "needs no key" : SCOPES[scopeRuleOf(operationId, route)];
  return `| ${operationId} | ${method.toUpperCase()} ${path} | ${held.join(" | ")} | ${scope} |`;
}
