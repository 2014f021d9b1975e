import pg from "pg";
import { describe, expect, it } from "vitest";
import { failure, uniqueViolation } from "./postgresErrors.ts";

function databaseError(code: string, rest: Partial<pg.DatabaseError> = {}): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError("said so", 7, "error"), { code, ...rest });
}

describe("errors of PostgreSQL", () => {
  it.each([
    ["55P03", "busy"],
    ["57014", "busy"],
    ["40P01", "busy"],
    ["40001", "busy"],
    ["53300", "busy"],
    ["57P01", "unavailable"],
    ["57P03", "unavailable"],
    ["08006", "unavailable"],
    ["25P03", "unavailable"],
    ["22021", "unstorable"],
    ["23505", undefined],
    ["42P01", undefined],
    ["28P01", undefined],
  ])("with the code %s are %s", (code, expected) => {
    expect(failure(databaseError(code), true)).toBe(expected);
  });

  it.each([
    ["ECONNREFUSED", "unavailable"],
    ["ECONNRESET", "unavailable"],
    ["ENOTFOUND", "unavailable"],
    ["ENOSPC", undefined],
  ])("of the network with the code %s are %s", (code, expected) => {
    expect(failure(Object.assign(new Error("connect"), { code }), true)).toBe(expected);
  });

  it.each([
    ["timeout exceeded when trying to connect", "busy"],
    ["Connection terminated unexpectedly", "unavailable"],
    ["Client has encountered a connection error and is not queryable", "unavailable"],
    ["Query read timeout", "unavailable"],
    ["something of ours", undefined],
  ])("of the driver, %j, are %s", (message, expected) => {
    expect(failure(new Error(message), true)).toBe(expected);
  });

  it("of a refused write tell a standby from a reader", () => {
    expect(failure(databaseError("25006"), true)).toBe("unavailable");
    expect(failure(databaseError("25006"), false)).toBeUndefined();
  });

  it("name the constraint that was broken", () => {
    const broken = databaseError("23505", { table: "tenants", constraint: "tenants_live_slug" });
    expect(uniqueViolation(broken)).toBe("tenants.tenants_live_slug");
    expect(uniqueViolation(databaseError("23503"))).toBeUndefined();
    expect(uniqueViolation(new Error("23505"))).toBeUndefined();
  });
});
