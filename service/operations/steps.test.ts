import { expect, expectTypeOf, it } from "vitest";
import { keptOf } from "./execution.ts";
import type { StepRun } from "./saga.ts";
import { sagas } from "./sagas.ts";

it("steps cannot write to the registry but by their fenced change", () => {
  expectTypeOf<keyof StepRun["service"]["registry"]>().toEqualTypeOf<"read">();
  expectTypeOf<StepRun["change"]>().toBeFunction();
});

it.each(["tenant_archive", "tenant_restore"] as const)(
  "%s moves no data anew because a resumed run resolves another spec",
  (kind) => {
    const resolve = sagas[kind].steps.find(({ name }) => name === "resolve_spec");
    if (resolve === undefined) throw new Error("the saga must resolve a spec");
    const kept = (digest: string) => keptOf(resolve, { spec: { digest }, digest, releaseNumber: 1 });
    expect(kept("two")).toEqual(kept("one"));
  },
);
