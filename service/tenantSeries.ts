import { Counter, type Registry } from "prom-client";

/**
 * Time series of single tenants, for the few of which something was heard lately. A tenant's id as a label would make as many series as there
 * are tenants, so there are places for `limit` tenants: when another comes, the one that has been quiet for
 * longest gives up its place and its series. A counter that begins again at 0 is what Prometheus expects of a restart. Fleet-wide
 * metrics never have a tenant as a label, so their sums miss nobody.
 */
export interface TenantSeries {
  request(tenantId: string, status: number): void;
  operation(run: TenantOperation): void;
  reconcile(action: TenantReconcile): void;
  policy(decision: TenantDecision): void;
}

interface Place {
  readonly environment: string;
  readonly region: string;
}

export interface TenantOperation extends Place {
  readonly tenantId: string;
  readonly kind: string;
  readonly status: string;
  readonly seconds: number;
}

export interface TenantReconcile extends Place {
  readonly tenantId: string;
  readonly outcome: string;
  readonly seconds: number;
}

export interface TenantDecision {
  readonly tenantId: string;
  readonly region: string;
  readonly decision: string;
  readonly seconds: number;
}

type Labels = Record<string, string>;

interface NamedCounter {
  readonly name: string;
  readonly counter: Counter;
}

export function createTenantSeries(registers: Registry[], limit: number): TenantSeries {
  const made = (suffix: string, help: string, ...more: string[]): NamedCounter => {
    const name = `tenantry_tenant_${suffix}`;
    return { name, counter: new Counter({ name, help, labelNames: ["tenant", ...more], registers }) };
  };
  const place = ["environment", "region"];
  const requests = made("requests_total", "Requests about a tenant", "status");
  const operations = made(
    "operations_total",
    "Operations of a tenant that have ended",
    ...place,
    "kind",
    "status",
  );
  const operationSeconds = made("operation_seconds_total", "Time of a tenant's operations", ...place, "kind");
  const reconciles = made(
    "reconcile_actions_total",
    "What the reconcile loop asked for",
    ...place,
    "outcome",
  );
  const reconcileSeconds = made("reconcile_seconds_total", "Time of asking for it", ...place, "outcome");
  const decisions = made(
    "policy_decisions_total",
    "Decisions of policies about a tenant",
    "region",
    "decision",
  );
  const decisionSeconds = made("policy_seconds_total", "Time of those decisions", "region", "decision");
  /** In order of when something was last heard: how to take back each series of a tenant. */
  const held = new Map<string, Map<string, () => void>>();

  function seriesOf(tenantId: string): Map<string, () => void> {
    const series = held.get(tenantId) ?? new Map<string, () => void>();
    held.delete(tenantId);
    held.set(tenantId, series);
    for (const [quietest, theirs] of held) {
      if (held.size <= limit) break;
      for (const remove of theirs.values()) remove();
      held.delete(quietest);
    }
    return series;
  }

  function count(tenantId: string, ...counts: readonly [NamedCounter, Labels, number][]): void {
    if (limit === 0) return;
    const series = seriesOf(tenantId);
    for (const [{ name, counter }, labels, by] of counts) {
      const own = { tenant: tenantId, ...labels };
      counter.inc(own, by);
      series.set(`${name} ${JSON.stringify(labels)}`, () => counter.remove(own));
    }
  }

  return {
    request(tenantId, status) {
      // What was refused may name a tenant that there never was; it must not take a tenant's place.
      if (status < 400 || held.has(tenantId))
        count(tenantId, [requests, { status: `${Math.floor(status / 100)}xx` }, 1]);
    },
    operation({ tenantId, environment, region, kind, status, seconds }) {
      const at = { environment, region, kind };
      count(tenantId, [operations, { ...at, status }, 1], [operationSeconds, at, seconds]);
    },
    reconcile({ tenantId, environment, region, outcome, seconds }) {
      const labels = { environment, region, outcome };
      count(tenantId, [reconciles, labels, 1], [reconcileSeconds, labels, seconds]);
    },
    policy({ tenantId, region, decision, seconds }) {
      count(tenantId, [decisions, { region, decision }, 1], [decisionSeconds, { region, decision }, seconds]);
    },
  };
}
