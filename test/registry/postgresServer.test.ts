import { expect, it } from "vitest";
import { unlessMissing } from "./postgresServer.ts";

const server = { url: "postgres://postgres@127.0.0.1:1/postgres" };
const reason = "its package is not there";

it("fails the tests in words when PostgreSQL is missing, unless its absence is asked for", () => {
  expect(unlessMissing({ server }, false)).toEqual({ server });
  expect(() => unlessMissing({ reason }, false)).toThrow(
    /PostgreSQL must start, got "its package is not there"\..*TESTS_WITHOUT_POSTGRES=1/,
  );
  expect(unlessMissing({ reason }, true)).toEqual({ reason });
});
