import { describe, expect, it } from "vitest";
import {
  BEFORE,
  illegalTransition,
  legalTransitions,
  nextStatus,
  requireTransition,
  TENANT_ACTIONS,
  TENANT_TRANSITIONS,
} from "./lifecycle.ts";
import { TENANT_STATUSES } from "./vocabulary.ts";

/** The whole table once more, by hand: a change of it must be made twice, on purpose. */
const TABLE = {
  draft: { update: "draft", activate: "active", delete: "deleted", decommission: "deleted" },
  active: {
    update: "active",
    deploy: "active",
    rotate_credentials: "active",
    suspend: "suspended",
    decommission: "decommissioning",
  },
  suspended: {
    update: "suspended",
    deploy: "suspended",
    rotate_credentials: "suspended",
    reactivate: "active",
    archive: "archived",
    decommission: "decommissioning",
  },
  archived: { update: "archived", restore: "active", decommission: "decommissioning" },
  decommissioning: {
    decommission: "decommissioning",
    undo_decommission: "before",
    finish_decommission: "deleted",
  },
  deleted: {},
};

describe("a tenant's legal transitions", () => {
  it("are these and no others", () => {
    expect(TENANT_TRANSITIONS).toEqual(TABLE);
    for (const status of TENANT_STATUSES) {
      for (const action of TENANT_ACTIONS) {
        expect(nextStatus(status, action)).toBe((TABLE[status] as Record<string, string>)[action]);
      }
    }
  });

  it("reach every status from draft, and deleted from every status", () => {
    const reach = (from: (typeof TENANT_STATUSES)[number]) => {
      const seen = new Set([from]);
      for (const status of seen) {
        for (const { to } of legalTransitions(status)) if (to !== BEFORE) seen.add(to);
      }
      return seen;
    };
    expect(reach("draft")).toEqual(new Set(TENANT_STATUSES));
    for (const status of TENANT_STATUSES) expect(reach(status)).toContain("deleted");
  });

  it("are named when another is asked for", () => {
    expect(requireTransition("draft", "activate")).toBe("active");
    expect(() => requireTransition("active", "activate")).toThrow(
      "Cannot activate a tenant that is active: its status allows update, deploy, rotate_credentials, suspend, decommission.",
    );
    expect(() => requireTransition("deleted", "restore")).toThrow(/allows nothing more/);
    expect(illegalTransition("active", "undo_decommission").message).toBe(
      "Cannot undo the decommissioning of a tenant that is active: its status allows update, deploy, rotate_credentials, suspend, decommission.",
    );
    expect(illegalTransition("decommissioning", "update").options.legalTransitions).toEqual([
      { action: "decommission", to: "decommissioning" },
      { action: "undo_decommission", to: "before" },
    ]);
  });
});
