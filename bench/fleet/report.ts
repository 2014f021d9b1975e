import type { Spent } from "../cpu.ts";
import type { LoopSpent } from "./loops.ts";
import type { RolloutSpent } from "./service.ts";

/** Of one fleet. `service` is of all tenants, the others are of the sample. */
export interface FleetFigures {
  readonly tenants: number;
  readonly sample: number;
  readonly cores: number;
  readonly load: number;
  readonly service: {
    readonly drift: Spent;
    readonly changed: RolloutSpent;
    readonly unchanged: RolloutSpent;
  };
  readonly shell: LoopSpent;
  readonly plain: LoopSpent & { readonly preview: Spent };
  readonly bare: { readonly changed: Spent; readonly drift: Spent };
}

interface PerTenant {
  readonly wall: number;
  readonly cpu: number;
}

function per(count: number, ...spent: readonly Spent[]): PerTenant {
  const sum = (of: (one: Spent) => number) => spent.reduce((total, one) => total + of(one), 0) / count;
  return {
    wall: sum(({ wallSeconds }) => wallSeconds),
    cpu: sum(({ cpuSeconds, ownCpuSeconds }) => cpuSeconds + ownCpuSeconds),
  };
}

/** Per tenant, by what is done and in which way. */
function costs({ tenants, sample, service, shell, plain, bare }: FleetFigures) {
  const { changed, unchanged, drift } = service;
  return {
    changed: {
      ours: per(tenants, changed.preview, changed.apply),
      shell: per(sample, shell.changed),
      plain: per(sample, plain.preview, plain.changed),
      bare: per(sample, bare.changed),
    },
    "changed, applied only": { ours: per(tenants, changed.apply), plain: per(sample, plain.changed) },
    unchanged: {
      ours: per(tenants, unchanged.preview, unchanged.apply),
      shell: per(sample, shell.unchanged),
      plain: per(sample, plain.unchanged),
    },
    drift: {
      ours: per(tenants, drift),
      shell: per(sample, shell.drift),
      plain: per(sample, plain.drift),
      bare: per(sample, bare.drift),
    },
  } satisfies Record<string, Partial<Record<"shell" | "plain" | "bare", PerTenant>> & { ours: PerTenant }>;
}

export function formatFigures(figures: FleetFigures): string {
  const { tenants, sample, cores, load } = figures;
  const lines = [
    `${tenants} tenants; loops on a random sample of ${sample}; ${cores} at once; load ${load.toFixed(1)}`,
    "seconds per tenant       ours wall/cpu    shell loop wall/cpu (x)       plain API wall/cpu (x)",
  ];
  const entries = Object.entries(costs(figures)) as [string, Costs][];
  for (const [name, { ours, shell, plain }] of entries) {
    const against = [shell, plain].map((other) =>
      (other === undefined ? "-" : compare(other, ours)).padEnd(30),
    );
    lines.push(`${name.padEnd(24)} ${pair(ours).padEnd(16)} ${against.join("")}`.trimEnd());
  }
  const { bare, ours } = costs(figures).changed;
  const ideal = (bare.cpu * tenants) / cores;
  const ratio = (ours.wall * tenants) / ideal;
  lines.push(`changed rollout: ${ratio.toFixed(2)} times (CPU of the bare engine ÷ cores)`);
  return `${lines.join("\n")}\n`;
}

interface Costs {
  readonly ours: PerTenant;
  readonly shell?: PerTenant;
  readonly plain?: PerTenant;
}

const pair = ({ wall, cpu }: PerTenant) => `${digits(wall)}/${digits(cpu)}`;
const digits = (seconds: number) => seconds.toFixed(seconds < 0.1 ? 4 : 2);

function compare(other: PerTenant, ours: PerTenant): string {
  return `${pair(other)} (${(other.wall / ours.wall).toFixed(1)}/${(other.cpu / ours.cpu).toFixed(1)})`;
}

/** What a tenant costs in the largest fleet, as a multiple of what it costs in the smallest. */
export function formatGrowth(all: readonly FleetFigures[]): string {
  const [first, last] = [all[0], all.at(-1)];
  if (first === undefined || last === undefined || first === last) return "";
  const [small, large] = [costs(first), costs(last)];
  const ratio = (of: (cost: ReturnType<typeof costs>) => PerTenant) => {
    const [a, b] = [of(small), of(large)];
    return `${(b.wall / a.wall).toFixed(2)}/${(b.cpu / a.cpu).toFixed(2)}`;
  };
  const parts = [
    `changed ${ratio(({ changed }) => changed.ours)}`,
    `unchanged ${ratio(({ unchanged }) => unchanged.ours)}`,
    `drift ${ratio(({ drift }) => drift.ours)}`,
  ];
  return `a tenant of ${last.tenants} costs, as a multiple of one of ${first.tenants} (wall/cpu): ${parts.join(", ")}`;
}
