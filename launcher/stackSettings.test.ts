import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergeStackSettings } from "./stackSettings.ts";

const committed = { config: { "aws:region": "eu-west-1", "tenantry:domain": "dev.example.com" } };

describe("mergeStackSettings", () => {
  it("takes the committed settings over on a first run", () => {
    expect(mergeStackSettings(committed, {}, {})).toEqual(committed);
  });

  it("keeps the salt, a value set locally and a value removed locally", () => {
    const local = { encryptionsalt: "v1:abc", config: { "aws:region": "us-east-1" } };
    expect(mergeStackSettings(committed, committed, local)).toEqual(local);
  });

  it("follows the committed file where nothing was changed locally", () => {
    const newer = { config: { ...committed.config, "aws:region": "eu-central-1", "tenantry:new": "x" } };
    const local = {
      encryptionsalt: "v1:abc",
      config: { ...committed.config, "tenantry:domain": "mine.example.com" },
    };
    expect(mergeStackSettings(newer, committed, local)).toEqual({
      encryptionsalt: "v1:abc",
      config: { "aws:region": "eu-central-1", "tenantry:domain": "mine.example.com", "tenantry:new": "x" },
    });
  });

  it("changes nothing the second time", () => {
    const settings = fc.record({
      config: fc.dictionary(fc.constantFrom("a", "b", "c"), fc.integer(), { minKeys: 1 }),
    });
    fc.assert(
      fc.property(settings, settings, settings, (now, base, local) => {
        const once = mergeStackSettings(now, base, local);
        expect(mergeStackSettings(now, now, once)).toEqual(once);
      }),
    );
  });
});
