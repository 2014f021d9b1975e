import { recordOvertaken } from "../app/authorize.ts";
import { noteRefusal } from "../app/securityEvents.ts";
import { factsOf } from "../policy/facts.ts";
import type { AnyHandler, HttpDeps } from "./deps.ts";

/** Around every handler: it is given what its request says that policies look at, and refusals that matter to security are noted. */
export function governed(handlers: HttpDeps["handlers"]): HttpDeps["handlers"] {
  return Object.fromEntries(Object.entries(handlers).map(([id, handler]) => [id, around(handler)]));
}

function around(handler: AnyHandler): AnyHandler {
  return async (input, tools) => {
    const context = { ...tools.context, facts: factsOf(input) };
    try {
      return await handler(input, { ...tools, context });
    } catch (thrown) {
      await recordOvertaken(context, thrown);
      await noteRefusal(context, thrown, input.params);
      throw thrown;
    }
  };
}
