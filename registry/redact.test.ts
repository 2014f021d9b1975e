import { describe, expect, it } from "vitest";
import { redact, redactText } from "./redact.ts";

describe("redaction", () => {
  it("cuts the secret out of a text and leaves the words around it", () => {
    expect(redactText("cannot reach postgres://a:hunter2@db/x now")).toBe("cannot reach [redacted] now");
    expect(redactText("key AKIAIOSFODNN7EXAMPLE is refused")).toBe("key [redacted] is refused");
  });

  it("cuts the whole text when the secret spans words", () => {
    expect(redactText("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----")).toBe(
      "[redacted]",
    );
    expect(redactText("Server=x; Password = hunter2")).not.toContain("hunter2");
  });

  it("leaves harmless text as it is", () => {
    const text = "arn:aws:ecs:eu-west-1:123456789012:service/dev-cluster/acme-iam-service is not steady";
    expect(redactText(text)).toBe(text);
  });

  it("goes by the names of members, too, and into lists", () => {
    expect(redact({ password: "x", nested: [{ apiKey: "y", name: "z" }], count: 1, none: null })).toEqual({
      password: "[redacted]",
      nested: [{ apiKey: "[redacted]", name: "z" }],
      count: 1,
      none: null,
    });
  });

  it("looks into what a secret is wrapped in, and leaves what is said about it", () => {
    const given = {
      credentials: { value: "x", rotatedAt: "2026-03-01", token: "y" },
      apiKey: ["z", { old: "q" }],
    };
    expect(redact(given)).toEqual({
      credentials: { value: "[redacted]", rotatedAt: "2026-03-01", token: "[redacted]" },
      apiKey: ["[redacted]", { old: "[redacted]" }],
    });
  });

  it("gives a plain copy without undefined members", () => {
    const value = { a: undefined, b: { c: 1 } };
    const copy = redact(value);
    expect(copy).toEqual({ b: { c: 1 } });
    expect(copy).not.toHaveProperty("a");
    expect(copy.b).not.toBe(value.b);
  });

  it("leaves no character that a database would refuse or change", () => {
    expect(redactText("a\0b\ud800c")).toBe("a\ufffdb\ufffdc");
    expect(redactText("ein ß, 😀")).toBe("ein ß, 😀");
  });
});
