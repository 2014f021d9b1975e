import { randomBytes, randomInt, randomUUID } from "node:crypto";
import type { RandomIds } from "./resourceType.ts";

const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const MIXED = `${UPPER.toLowerCase().slice(0, 26)}${UPPER}`;
const DIGITS = "0123456789";

function draw(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}

export const randomIds: RandomIds = {
  hex: (length) =>
    randomBytes(Math.ceil(length / 2))
      .toString("hex")
      .slice(0, length),
  upper: (length) => draw(UPPER, length),
  mixed: (length) => draw(MIXED, length),
  digits: (length) => draw(DIGITS, length),
  uuid: () => randomUUID(),
};

/** Twelve digits, never with a leading zero, so that nobody mistakes it for a number that lost one. */
export function newAccountId(): string {
  return `${randomInt(1, 10)}${draw(DIGITS, 11)}`;
}
