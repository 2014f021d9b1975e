import { legalTransitions, TENANT_ACTIONS, type TenantAction } from "./lifecycle.ts";
import { TENANT_STATUSES } from "./vocabulary.ts";

/** The part of docs/lifecycle.md that is made from the transition table, between these two lines. */
export const TABLE_BEGINS = "<!-- begin: made from contract/lifecycle.ts by npm run contract -->";
export const TABLE_ENDS = "<!-- end -->";

/** How each action is asked for. */
const REQUESTS: Readonly<Record<TenantAction, string>> = {
  update: "`PATCH /tenants/:id`",
  activate: "`POST …/activate`",
  deploy: "`POST …/deploy`",
  rotate_credentials: "`POST …/rotate-credentials`",
  suspend: "`POST …/suspend`",
  reactivate: "`POST …/reactivate`",
  archive: "`POST …/archive`",
  restore: "`POST …/restore`",
  decommission: "`POST …/decommission`",
  undo_decommission: "`POST …/decommission/undo`",
  finish_decommission: "the controller, when nothing is left",
  delete: "`DELETE /tenants/:id`",
};

export function transitionTable(): string {
  const head = `| action | asked by | ${TENANT_STATUSES.map((status) => `from ${status}`).join(" | ")} |`;
  const rule = `|---|---|${TENANT_STATUSES.map(() => "---").join("|")}|`;
  const rows = TENANT_ACTIONS.map((action) => {
    const cells = TENANT_STATUSES.map((status) => {
      const to = legalTransitions(status).find((transition) => transition.action === action)?.to;
      if (to === undefined) return "";
      return to === "before" ? "the status before" : to;
    });
    return `| ${action} | ${REQUESTS[action]} | ${cells.join(" | ")} |`;
  });
  return [head, rule, ...rows].join("\n");
}

/** The page with its table as it must be; the rest stays as it was written. */
export function withTransitionTable(page: string): string {
  const from = page.indexOf(TABLE_BEGINS);
  const to = page.indexOf(TABLE_ENDS, from);
  if (from < 0 || to < 0) {
    throw new Error(
      `Cannot write the table: docs/lifecycle.md must hold the line ${TABLE_BEGINS} and ${TABLE_ENDS}.`,
    );
  }
  return `${page.slice(0, from)}${TABLE_BEGINS}\n\n${transitionTable()}\n\n${page.slice(to)}`;
}
