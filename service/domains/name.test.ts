import { describe, expect, it } from "vitest";
import { isUnder, readDomainName } from "./name.ts";

describe("a domain", () => {
  it.each([
    ["app.acme.example", "app.acme.example", "app.acme.example"],
    ["APP.Acme.Example.", "app.acme.example", "app.acme.example"],
    ["bücher.example", "xn--bcher-kva.example", "bücher.example"],
    ["XN--BCHER-KVA.example", "xn--bcher-kva.example", "bücher.example"],
    ["BU\u0308CHER.example", "xn--bcher-kva.example", "bücher.example"],
    ["例え。テスト", "xn--r8jz45g.xn--zckzah", "例え.テスト"],
    ["faß.example", "xn--fa-hia.example", "faß.example"],
    ["ｆｕｌｌ.example", "full.example", "full.example"],
    ["a-1.b2.example", "a-1.b2.example", "a-1.b2.example"],
  ])("%s is %s", (given, domain, displayName) => {
    expect(readDomainName(given)).toEqual({ domain, displayName });
  });

  it.each([
    ["*.acme.example", "wildcard"],
    ["acme.*", "wildcard"],
    ["example", "must have a dot"],
    ["127.0.0.1", "not an address"],
    ["0x7f.1", "not an address"],
    ["2130706433", "not an address|must have a dot"],
    ["[::1]", "a name alone"],
    ["https://acme.example", "a name alone"],
    ["acme.example:443", "a name alone"],
    ["acme.example/path", "a name alone"],
    ["user@acme.example", "a name alone"],
    ["acme.example?x", "a name alone"],
    ["acme.exa%6Dple", "a name alone"],
    ["acme.example\r\nhost: other", "spaces or invisible"],
    ["acme example.com", "spaces or invisible"],
    ["ac\u200bme.example", "spaces or invisible"],
    ["ac\u00adme.example", "spaces or invisible"],
    ["\u202eelpmaxe.emca", "spaces or invisible"],
    ["acme..example", "must be labels"],
    [".acme.example", "must be labels"],
    ["-acme.example", "must be labels"],
    ["acme-.example", "must be labels"],
    ["_dmarc.acme.example", "must be labels"],
    [`${"a".repeat(64)}.example`, "must be labels"],
    ["xn--a.example", "must be labels|punycode"],
    ["xn--zzzzzz--.example", "must be labels|punycode"],
    ["printer.local", "no DNS proves"],
    ["api.localhost", "no DNS proves"],
    [`${"abcdefghi.".repeat(24)}example`, "must leave room"],
    ["", "must be labels"],
    [".", "must be labels"],
  ])("%j is none", (given, why) => {
    const read = readDomainName(given);
    expect("problem" in read ? read.problem : read.domain).toMatch(new RegExp(why));
  });
});

it("tells what is under a domain from what only ends like it", () => {
  expect(isUnder("dev.example.com", "dev.example.com")).toBe(true);
  expect(isUnder("acme.dev.example.com", "dev.example.com")).toBe(true);
  expect(isUnder("acmedev.example.com", "dev.example.com")).toBe(false);
  expect(isUnder("example.com", "dev.example.com")).toBe(false);
});
