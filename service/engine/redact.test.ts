import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRedactor, stripColors } from "./redact.ts";

describe("createRedactor", () => {
  it("takes out the values of sensitive variables wherever they appear", () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9+/=_-]{8,40}$/);
    const text = fc.string({ maxLength: 40 });
    fc.assert(
      fc.property(secret, text, text, (value, before, after) => {
        const redact = createRedactor({ PULUMI_CONFIG_PASSPHRASE: value, HOME: "/home/someone" });
        expect(redact(`${before}${value}${after}`)).not.toContain(value);
      }),
    );
  });

  it.each([
    ["an access key", "key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"],
    ["a password in a URL", "postgres://app:hunter22@db.local/x", "hunter22"],
    ["an assignment", 'masterPassword: "p4ss-word!" was refused', "p4ss-word!"],
    ["a JSON member", '{"secret_string":"s3cr3t","name":"n"}', "s3cr3t"],
    ["a bearer token", "Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"],
    ["a signed URL", "https://b.s3.amazonaws.com/k?X-Amz-Signature=deadbeef01&x=1", "deadbeef01"],
    ["a private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"],
  ])("takes out %s by its shape", (_name, text, secret) => {
    expect(createRedactor()(text)).not.toContain(secret);
  });

  it("leaves ordinary text alone", () => {
    const text =
      "creating ECS Service (discovery): ClusterNotFoundException: Cluster not found. See https://a.b/c?d=e";
    expect(createRedactor({ DEBUG_TOKEN: "1" })(text)).toBe(text);
  });
});

it("stripColors removes Pulumi's markup and ANSI escapes", () => {
  expect(stripColors("<{%fg 1%}>error: <{%reset%}>\u001b[31mno\u001b[0m")).toBe("error: no");
});
