import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { DatabaseError, databaseError } from "./databaseError.ts";

const thrown = (code: string | undefined, message = "words") => Object.assign(new Error(message), { code });

describe("a failure of the database", () => {
  it.each([
    ["ECONNREFUSED", "database_unreachable", true],
    ["EPIPE", "database_unreachable", true],
    ["57P01", "database_unreachable", true],
    ["53300", "database_unreachable", true],
    ["40001", "database_unreachable", true],
    ["55P03", "database_unreachable", true],
    ["42501", "database_refused", false],
    ["28P01", "database_refused", false],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "database_untrusted", false],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "database_untrusted", false],
    ["ENOENT", "database_untrusted", false],
  ])("%s is %s, worth another try: %s", (state, code, retryable) => {
    const error = databaseError("try", thrown(state));
    expect(error).toMatchObject({ name: "DatabaseError", code, retryable });
    expect(error.message).toMatch(/^Cannot try: /);
  });

  it("that two sessions had with one catalog row is worth another try", () => {
    expect(databaseError("try", thrown("XX000", "tuple concurrently updated"))).toMatchObject({
      retryable: true,
    });
    expect(databaseError("try", thrown("XX000", "cache lookup failed"))).toMatchObject({ retryable: false });
  });

  it.each(["22P02", "23505", "23514"])("%s says nothing of what is in a row", (state) => {
    const error = databaseError("restore", thrown(state, 'invalid input: "a person\'s name"'));
    expect(inspect(error, { depth: 5 })).not.toContain("person");
    expect(error.message).toContain(state);
  });

  it("of ours, or that is no failure of the database, stays what it is", () => {
    const ours = new DatabaseError("dump_broken", "broken");
    expect(databaseError("try", ours)).toBe(ours);
    const bug = new TypeError("x is not a function");
    expect(databaseError("try", bug)).toBe(bug);
    expect(databaseError("try", new Error("Connection terminated unexpectedly"))).toMatchObject({
      retryable: true,
    });
  });
});
