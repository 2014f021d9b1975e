import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { isDnsServer } from "../../service/domains/dnsServer.ts";
import { createTxtLookup } from "../../service/domains/txt.ts";
import { type DnsServer, startDnsServer } from "./dnsServer.ts";

let dns: DnsServer;
beforeAll(async () => {
  dns = await startDnsServer();
});
beforeEach(() => dns.behave("well"));
afterAll(() => dns.close());

it("tells what the records say, put together from their parts", async () => {
  const long = "x".repeat(600);
  dns.say("_c.acme.test", "one", long);
  const lookup = createTxtLookup([dns.address]);
  expect(await lookup("_c.acme.test")).toEqual({ kind: "found", values: ["one", long] });
});

it("tells that there is nothing from that nobody answers", async () => {
  const lookup = createTxtLookup([dns.address]);
  dns.say("empty.test");
  expect(await lookup("empty.test")).toEqual({ kind: "none" });
  expect(await lookup("nowhere.test")).toEqual({ kind: "none" });
  dns.behave("servfail");
  expect(await lookup("_c.acme.test")).toMatchObject({ kind: "error" });
  const nobody = createTxtLookup(["127.0.0.1:9"]);
  expect(await nobody("_c.acme.test")).toMatchObject({ kind: "error" });
});

it.each([
  ["127.0.0.1", true],
  ["127.0.0.1:53", true],
  ["2001:db8::1", true],
  ["[2001:db8::1]:53", true],
  ["dns.example", false],
  ["127.0.0.1:0", false],
  ["127.0.0.1:70000", false],
  ["", false],
])("takes %s for a server: %s", (text, is) => {
  expect(isDnsServer(text)).toBe(is);
});
