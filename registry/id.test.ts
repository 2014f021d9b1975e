import { describe, expect, it } from "vitest";
import { uuid } from "../contract/common.ts";
import { newId } from "./id.ts";

describe("ids", () => {
  it("are UUIDs of version 7 that the contract takes", () => {
    const id = newId();
    expect(uuid.parse(id)).toBe(id);
    expect(id[14]).toBe("7");
  });

  it("grow with each call, also thousands in a millisecond and when the clock goes back", () => {
    const start = Date.now() + 1_000_000;
    const ids = Array.from({ length: 10_000 }, (_, place) => newId(start - (place % 3)));
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(ids.map((id) => id.slice(19))).size).toBe(ids.length);
  });
});
