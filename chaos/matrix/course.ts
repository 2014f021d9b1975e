import type { OperationKind, TenantStatus } from "../../contract/vocabulary.ts";
import type { Random } from "../random.ts";
import { allCases, type Case } from "./cases.ts";

/**
 * In which order cases are tried: each leaves its tenant where the next may begin, so that hardly an operation is done
 * only to get somewhere. The first operation of a kind is always a plain one: what it leaves is what all later ones must leave.
 */
export interface Course {
  /** What comes next for a tenant in that state. Undefined: all is done. */
  next(status: TenantStatus): Turn | undefined;
}

/** Without a case it is a plain operation: to see what it leaves, or to get on. */
export interface Turn {
  readonly kind: OperationKind;
  readonly case: Case | undefined;
}

/** Where each kind is tried, and where it leads. */
const WAYS: Readonly<Record<OperationKind, { readonly from: TenantStatus; readonly to: TenantStatus }>> = {
  tenant_activate: { from: "draft", to: "active" },
  tenant_deploy: { from: "active", to: "active" },
  tenant_rotate_credentials: { from: "active", to: "active" },
  drift_repair: { from: "active", to: "active" },
  tenant_suspend: { from: "active", to: "suspended" },
  tenant_reactivate: { from: "suspended", to: "active" },
  tenant_archive: { from: "suspended", to: "archived" },
  tenant_restore: { from: "archived", to: "active" },
  tenant_decommission: { from: "active", to: "deleted" },
};

export const leadsTo = (kind: OperationKind): TenantStatus => WAYS[kind].to;

export function drawCases(
  random: Random,
  count: number | undefined,
  kinds: readonly OperationKind[],
): Case[] {
  const all = random.shuffled(allCases().filter(({ kind }) => kinds.includes(kind)));
  return all.slice(0, count);
}

export function planCourse(cases: readonly Case[]): Course {
  const left = new Map<OperationKind, Case[]>();
  for (const one of cases) left.set(one.kind, [...(left.get(one.kind) ?? []), one]);
  const seen = new Set<OperationKind>();
  const remaining = (kind: OperationKind) => left.get(kind)?.length ?? 0;
  const turn = (kind: OperationKind): Turn => {
    if (seen.has(kind)) return { kind, case: left.get(kind)?.shift() };
    seen.add(kind);
    return { kind, case: undefined };
  };
  return {
    next(status) {
      const wanted = KINDS.filter((kind) => remaining(kind) > 0);
      if (wanted.length === 0) return undefined;
      const here = wanted.filter((kind) => WAYS[kind].from === status);
      // What ends the tenant comes last, but for when the next one's beginning is wanted more.
      const rest = here.filter((kind) => kind !== "tenant_decommission");
      const stays = wanted.some((kind) => !["tenant_activate", "tenant_decommission"].includes(kind));
      const most = mostOf(rest.length > 0 || stays ? rest : here, remaining);
      return turn(most ?? wayTo(status, wanted));
    },
  };
}

const KINDS = Object.keys(WAYS) as OperationKind[];

function mostOf(
  kinds: readonly OperationKind[],
  remaining: (kind: OperationKind) => number,
): OperationKind | undefined {
  return kinds.toSorted((a, b) => remaining(b) - remaining(a))[0];
}

/** The first operation on the shortest way to where something wanted can begin; a tenant that is gone is followed by a draft. */
function wayTo(from: TenantStatus, wanted: readonly OperationKind[]): OperationKind {
  const goals = new Set(wanted.map((kind) => WAYS[kind].from).filter((goal) => goal !== from));
  const been = new Set<TenantStatus>([from]);
  let ways = KINDS.filter((kind) => WAYS[kind].from === from).map((kind) => [kind]);
  while (ways.length > 0) {
    const found = ways.find((way) => goals.has(endOf(way)));
    if (found?.[0] !== undefined) return found[0];
    for (const way of ways) been.add(endOf(way));
    ways = ways.flatMap((way) =>
      KINDS.filter((kind) => WAYS[kind].from === endOf(way) && !been.has(WAYS[kind].to)).map((kind) => [
        ...way,
        kind,
      ]),
    );
  }
  throw new Error(`Cannot go on: nothing leads from ${from} to ${[...goals].join(" or ")}`);
}

function endOf(way: readonly OperationKind[]): TenantStatus {
  const last = way.at(-1);
  if (last === undefined) throw new Error("a way has at least one operation");
  // A tenant that is gone is followed by another.
  return WAYS[last].to === "deleted" ? "draft" : WAYS[last].to;
}
