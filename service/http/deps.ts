import type { Request, Response } from "express";
import type { Route } from "../../contract/route.ts";
import type { Principal, RequestContext, ServiceContext } from "../app/context.ts";
import type { DecisionLog } from "../audit/decisionLog.ts";
import type { RateLimits } from "../limits/rateLimits.ts";
import type { IdempotencyStore } from "./idempotency.ts";

/** Path, query and body as the contract's schemas give them back; undefined where a route has none. */
export interface ValidInput {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** What a handler gets besides its checked input. */
export interface CallTools {
  readonly context: RequestContext;
  readonly request: Request;
  readonly response: Response;
}

export type AnyHandler = (input: ValidInput, tools: CallTools) => Promise<unknown>;

/** What the HTTP layer is given. */
export interface HttpDeps {
  readonly base: ServiceContext;
  readonly routes: Readonly<Record<string, Route>>;
  readonly handlers: Readonly<Record<string, AnyHandler>>;
  readonly openApi: unknown;
  readonly idempotency: IdempotencyStore;
  authenticate(secret: string): Promise<Principal | undefined>;
  authorize(context: RequestContext, operationId: string, tenantId: unknown): Promise<void>;
  /** Once the request is known to be well-formed: whether the key's environments cover what it reaches. Gives what asks again later. */
  refuseEnvironment(
    context: RequestContext,
    operationId: string,
    input: ValidInput,
  ): Promise<Pick<RequestContext, "withinEnvironments">>;
  /** Told of every request that was let through, when it has been answered. */
  decided: DecisionLog["add"];
  readonly limits: RateLimits;
  /** Tests: every answer must be what the contract says. */
  readonly checkAnswers: boolean;
}
