import { expect, it } from "vitest";
import { createRoom } from "./room.ts";

it("is halved by leases that are lost, those lost together once, and grows with each operation that ends", () => {
  let now = 0;
  const room = createRoom({ most: 8, togetherMs: 100, nowMs: () => now });
  expect(room.size).toBe(8);
  for (const _lost of [1, 2, 3]) room.shrink();
  expect(room.size).toBe(4);
  now = 99;
  room.shrink();
  expect(room.size).toBe(4);
  const sizes: number[] = [];
  for (now = 100; now <= 400; now += 100) {
    room.shrink();
    sizes.push(room.size);
  }
  expect(sizes).toEqual([2, 1, 1, 1]);
  for (let ended = 0; ended < 10; ended += 1) {
    room.grow();
    sizes.push(room.size);
  }
  expect(sizes.slice(4)).toEqual([2, 3, 4, 5, 6, 7, 8, 8, 8, 8]);
});
