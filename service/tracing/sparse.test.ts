import { expect, it } from "vitest";
import { sparse } from "./sparse.ts";

it("lets one of many messages through, and says how many there were", () => {
  let time = 0;
  const written: [string, number][] = [];
  const say = sparse(
    (message, keptBack) => written.push([message, keptBack]),
    1_000,
    () => time,
  );
  for (const [at, message] of [
    [0, "first"],
    [10, "second"],
    [999, "third"],
    [1_000, "fourth"],
    [1_500, "fifth"],
  ] as const) {
    time = at;
    say(message);
  }
  expect(written).toEqual([
    ["first", 0],
    ["fourth", 2],
  ]);
});
