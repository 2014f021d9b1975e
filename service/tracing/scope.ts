import { AsyncLocalStorage } from "node:async_hooks";
import type { Span } from "./tracing.ts";

/**
 * What the work that runs now is about. It travels with the asynchronous calls instead of through every function's parameters: whoever
 * logs a line inside gets its facts onto it (log.ts), whoever begins a span gets its parent (tracing.ts).
 *
 * A request has a scope, an operation has one. Work that serves nobody in particular has none, and nothing may inherit one
 * by accident: what wakes a loop leaves the scope of whoever woke it (`outsideScope`), or the loop's lines would name
 * a request that ended an hour ago.
 */
export interface ScopeFacts {
  requestId?: string;
  correlationId?: string;
  tenantId?: string;
  /** Several with commas between. */
  environment?: string;
  planeName?: string;
  operationId?: string;
  kind?: string;
  targetId?: string;
  rolloutId?: string;
  step?: string;
  controller?: string;
}

interface Scope {
  readonly facts: ScopeFacts;
  readonly span: Span | undefined;
  readonly hints: Hints;
}

/** What holds for as long as nothing says it better. */
interface Hints {
  /** Written about. */
  readonly tenants: Set<string>;
  /** Where the tenant is. */
  environment?: string;
}

const noHints = (): Hints => ({ tenants: new Set() });

const scopes = new AsyncLocalStorage<Scope>();

/** Work with facts of its own; of the scope around it nothing is left. */
export function withinScope<T>(facts: ScopeFacts, work: () => T): T {
  return scopes.run({ facts: { ...facts }, span: undefined, hints: noHints() }, work);
}

/** Work below a span, with more facts, if any. What is noted inside without any is noted on the scope around it too. */
export function withinSpan<T>(span: Span, more: ScopeFacts | undefined, work: () => T): T {
  const { facts, hints } = scopes.getStore() ?? { facts: {}, hints: noHints() };
  return scopes.run({ facts: more === undefined ? facts : { ...facts, ...more }, span, hints }, work);
}

export function outsideScope<T>(work: () => T): T {
  return scopes.exit(work);
}

/** For a callback that is called by something else later: it runs in the scope that holds now. */
export function bindScope<Result>(work: () => Result): () => Result {
  const scope = scopes.getStore();
  return () => (scope === undefined ? outsideScope(work) : scopes.run(scope, work));
}

/** Facts that are known only now; without a scope nobody asks for them. */
export function note(facts: ScopeFacts): void {
  const scope = scopes.getStore();
  if (scope !== undefined) Object.assign(scope.facts, facts);
}

/** A request may be about targets in several environments. */
export function noteEnvironment(environment: string): void {
  const facts = scopes.getStore()?.facts;
  if (facts === undefined) return;
  const known = facts.environment?.split(",") ?? [];
  if (!known.includes(environment)) facts.environment = [...known, environment].sort().join(",");
}

/** A tenant that something is written about. When there are several, the scope is about none of them. */
export function noteTenant(tenantId: string): void {
  scopes.getStore()?.hints.tenants.add(tenantId);
}

/** Where the tenant is that something is asked about; what is noted of single targets says it better. */
export function noteTenantEnvironments(environments: readonly string[]): void {
  const hints = scopes.getStore()?.hints;
  if (hints !== undefined && environments.length > 0)
    hints.environment = [...new Set(environments)].sort().join(",");
}

export function scopeFacts(): Readonly<ScopeFacts> {
  const scope = scopes.getStore();
  if (scope === undefined) return {};
  const { tenants, environment } = scope.hints;
  const [tenantId] = tenants;
  return {
    ...(tenantId !== undefined && tenants.size === 1 && { tenantId }),
    ...(environment !== undefined && { environment }),
    ...scope.facts,
  };
}

export function scopeSpan(): Span | undefined {
  return scopes.getStore()?.span;
}
