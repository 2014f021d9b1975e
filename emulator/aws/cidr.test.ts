import { describe, expect, test } from "vitest";
import { addressAt, contains, overlaps, parseCidr } from "./cidr.ts";

function range(text: string) {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`no range: ${text}`);
  return parsed;
}

describe("parseCidr", () => {
  test.each(["10.0.0.0/16", "0.0.0.0/0", "255.255.255.255/32"])("takes %s", (text) => {
    expect(parseCidr(text)).toBeDefined();
  });
  test.each(["10.0.0.1/16", "10.0.0/16", "300.0.0.0/8", "10.0.0.0/33", "10.0.0.0", ""])(
    "refuses %s",
    (text) => {
      expect(parseCidr(text)).toBeUndefined();
    },
  );
});

test("ranges overlap only when they share an address", () => {
  expect(overlaps(range("10.0.0.0/24"), range("10.0.0.128/25"))).toBe(true);
  expect(overlaps(range("10.0.0.0/24"), range("10.0.1.0/24"))).toBe(false);
  expect(contains(range("10.0.0.0/16"), range("10.0.3.0/24"))).toBe(true);
  expect(contains(range("10.0.0.0/24"), range("10.0.0.0/16"))).toBe(false);
});

test("addresses above 127.0.0.0 stay positive", () => {
  expect(addressAt(range("192.168.0.0/24"), 10)).toBe("192.168.0.10");
});
