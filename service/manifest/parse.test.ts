import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FieldError } from "../../contract/errors.ts";
import { MANIFEST_LIMITS, type Manifest, manifestSchema } from "../../contract/manifest.ts";
import { nearest } from "./nearest.ts";
import { digestOf, parseManifests } from "./parse.ts";
import { writeManifest } from "./write.ts";

const head = "apiVersion: tenantry.dev/v1\nkind: Tenant\n";
const valid = `${head}metadata:
  slug: acme
spec:
  displayName: Acme
  plan: starter
  state: active
`;

/** `line:column path message`, of every problem. */
async function problems(...documents: (string | { file: string; text: string })[]): Promise<string[]> {
  const thrown = await parseManifests({ documents }).then(
    () => undefined,
    (error: { code: string; options: { errors: FieldError[] } }) => error,
  );
  expect(thrown?.code ?? "manifest_invalid").toBe("manifest_invalid");
  return (thrown?.options.errors ?? []).map(
    ({ line, column, path, message }) => `${line}:${column} ${path} ${message}`,
  );
}

describe("a manifest", () => {
  it("is read with every default filled in", async () => {
    const [parsed] = await parseManifests({ documents: [valid] });
    expect(parsed).toMatchObject({ file: "manifest", line: 1 });
    expect(parsed?.manifest).toEqual({
      apiVersion: "tenantry.dev/v1",
      kind: "Tenant",
      metadata: { slug: "acme", labels: {} },
      spec: {
        displayName: "Acme",
        plan: "starter",
        state: "active",
        planes: [],
        release: null,
        isolation: "pooled",
        regions: { allowed: [], preferred: [] },
        suspensionMode: "workloads",
        dataClassification: "confidential",
        primaryDomain: null,
        config: { settings: {}, secretRefs: {} },
      },
    });
  });

  it("has a digest of what it says, not of how it is written", async () => {
    const other = `# the same\nkind: Tenant\napiVersion: "tenantry.dev/v1"\n${valid.slice(head.length)}  planes: []\n`;
    const [[one], [two]] = [
      await parseManifests({ documents: [valid] }),
      await parseManifests({ documents: [other] }),
    ];
    expect(two?.digest).toBe(one?.digest);
    const [three] = await parseManifests({ documents: [valid.replace("starter", "business")] });
    expect(three?.digest).not.toBe(one?.digest);
  });

  it("may share a file with others, and empty documents are passed by", async () => {
    const text = `---\n${valid}---\n# nothing\n---\n${valid.replace("slug: acme", "slug: globex")}...\n`;
    const manifests = await parseManifests({ documents: [{ file: "a.yaml", text }] });
    expect(manifests.map(({ file, line, manifest }) => `${file}:${line} ${manifest.metadata.slug}`)).toEqual([
      "a.yaml:2 acme",
      "a.yaml:13 globex",
    ]);
  });

  it("is YAML 1.2: yes, no and 010 are no booleans and no octal", async () => {
    const text = `${valid.replace("displayName: Acme", "displayName: no")}  config: { settings: { A: yes, B: "010" } }\n`;
    const [parsed] = await parseManifests({ documents: [text] });
    expect(parsed?.manifest.spec).toMatchObject({
      displayName: "no",
      config: { settings: { A: "yes", B: "010" } },
    });
  });
});

describe("what is wrong with a manifest", () => {
  it("is told all at once, each with line, column and a way out", async () => {
    const text = `${head}metadata:
  slug: Acme
  labels: { tier: 1, Bad: x }
spec:
  displayNme: Acme
  plan: Gold
  state: decommissioned
  planes: [dev-eu-west-1, nowhere, dev-eu-west-1]
  release: newest
  regions: { alowed: [] }
  config:
    settings: { DB_PASSWORD: hunter2, "a b": c }
    secretRefs: { SMTP: plain-text }
`;
    const error = await parseManifests({ documents: [{ file: "x.yaml", text }] }).catch((thrown) => thrown);
    const told = error.options.errors.map(({ line, column, path, hint = "" }: FieldError) =>
      `${line}:${column} ${path} ${hint.slice(0, 24)}`.trim(),
    );
    expect(told).toEqual([
      "4:9 metadata.slug",
      '5:19 metadata.labels.tier Put it in quotes: "1".',
      "5:22 metadata.labels.Bad",
      "6:1 spec.displayName",
      "7:3 spec.displayNme Did you mean displayName",
      "8:9 spec.plan",
      "9:10 spec.state",
      "10:11 spec.planes",
      "10:27 spec.planes.1",
      "11:12 spec.release",
      "12:14 spec.regions.alowed Did you mean allowed?",
      "14:30 spec.config.settings.DB_PASSWORD Store the value in Secre",
      "14:39 spec.config.settings.a b",
      "15:25 spec.config.secretRefs.SMTP Such as /prod/tenants/ac",
    ]);
    expect(error.options.detail).toMatch(
      /^Cannot take the manifests: x\.yaml:4:9 .* and 13 more\. Nothing has been changed\.$/,
    );
    expect(JSON.stringify(error.options)).not.toContain("hunter2");
  });

  it.each([
    ["no object", "just text", "1:1  must be an object, got text"],
    ["a list", "- a\n", "1:1  must be an object, got a list"],
    ["another kind", valid.replace("kind: Tenant", "kind: Plane"), "2:7 kind must be Tenant"],
    ["another version", valid.replace("/v1", "/v2"), "1:13 apiVersion must be tenantry.dev/v1"],
    ["no spec", `${head}metadata: { slug: acme }\n`, "1:1 spec is missing"],
    ["an empty field", valid.replace("plan: starter", "plan:"), "7:8 spec.plan must be text, got null"],
    ["a key twice", `${valid}  plan: business\n`, "9:3 spec.plan is there twice"],
    ["a number as a key", `${valid}  1: x\n`, "9:3 spec.1 has a key that is no text: put it in quotes"],
    ["a list as a key", `${valid}  ? [a]\n  : x\n`, "9:5 spec.? has a key that is no text: put it in quotes"],
    ["null as a key", `${valid}  ~: x\n`, "9:3 spec.null has a key that is no text: put it in quotes"],
    ["__proto__", `${valid}  __proto__: { x: 1 }\n`, "9:3 spec.__proto__ is no name for a field"],
    [
      "an anchor",
      valid.replace("starter", "&p starter"),
      "7:12 spec.plan has an anchor (&), which is not taken",
    ],
    [
      "an alias to nothing",
      valid.replace("starter", "*p"),
      "7:9 spec.plan is an alias (*), which is not taken: write the value out",
    ],
    ["a tag", valid.replace("starter", "!!str starter"), "7:15 spec.plan has a tag (!), which is not taken"],
    ["a tag of its own", valid.replace("starter", "!js starter"), "7:9  has a tag (!), which is not taken"],
    ["a directive", `%YAML 1.1\n---\n${valid}`, "1:1  is a directive, which is not taken"],
    ["a merge key", `${valid}  <<: { planes: [] }\n`, "9:3 spec.<< is not a known field"],
    ["a tab", `${valid}\tx: 1\n`, "9:1  is no YAML: Tabs are not allowed as indentation"],
    [
      "an open bracket",
      `${valid}  planes: [a`,
      "9:13  is no YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    ["nothing", "", "1:1  holds no manifest"],
    ["only comments", "# a\n---\n---\n", "1:1  holds no manifest"],
    [
      "a key as a label",
      valid.replace("slug: acme", "slug: acme\n  labels: { k: AKIAABCDEFGHIJKLMNOP }"),
      "5:16 metadata.labels.k looks like an AWS access key",
    ],
  ])("%s", async (_name, text, expected) => {
    expect(await problems(text)).toContain(expected);
  });

  it("counts a cycle and a bomb as the aliases they are, and builds neither", async () => {
    const cycle = "a: &a\n  b: *a\n";
    expect(await problems(cycle)).toEqual([
      "2:3 a has an anchor (&), which is not taken",
      "2:6 a.b is an alias (*), which is not taken: write the value out",
    ]);
    const levels = Array.from(
      { length: 30 },
      (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(", ")}]`,
    );
    const told = await problems(`l0: &l0 lol\n${levels.join("\n")}\n`);
    expect(told).toHaveLength(MANIFEST_LIMITS.problems);
    expect(told.every((line) => /alias|anchor/.test(line))).toBe(true);
  });

  it("names where a slug was first when it is there twice", async () => {
    const one = { file: "a.yaml", text: valid };
    const two = { file: "b.yaml", text: `\n${valid}---\n${valid}` };
    expect(await problems(one, two)).toEqual([
      "5:9 metadata.slug is there twice: acme is in a.yaml:1 too",
      "14:9 metadata.slug is there twice: acme is in a.yaml:1 too",
    ]);
  });

  it.each([
    ["brackets", "[".repeat(500_000)],
    ["lists in lists", "- ".repeat(500_000)],
    ["keys of keys", "? ".repeat(500_000)],
    ["maps in maps", "{a: ".repeat(250_000)],
    [
      "a field with 60,000 members",
      `a:\n${Array.from({ length: 60_000 }, (_, i) => `  k${i}: v`).join("\n")}`,
    ],
    ["250,000 documents", "---\n".repeat(250_000)],
    ["quotes", '"'.repeat(500_000)],
    ["closing brackets", "}".repeat(500_000)],
    ["documents of much each", `---\n${"}".repeat(19_000)}\n`.repeat(50)],
  ])("%s of 1 MB are refused in words", async (_name, text) => {
    const told = await problems(text);
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThanOrEqual(MANIFEST_LIMITS.problems);
    expect(told[0]).toMatch(/too much|too deeply|no YAML|holds no manifest/);
  });

  it("stays within the depth of a manifest", async () => {
    expect(await problems(`a: ${"[".repeat(13)}${"]".repeat(13)}`)).toContainEqual(
      expect.stringContaining("nested deeper"),
    );
  });

  it("never throws anything but its own refusal, whatever the text", async () => {
    const pieces = fc.constantFrom(
      "---\n",
      ": ",
      "- ",
      "? ",
      "&a ",
      "*a",
      "!t ",
      "{",
      "}",
      "[",
      "]",
      "\n",
      "  ",
      '"',
      "'",
      "|\n",
      "%",
      "#",
      "\t",
      "\u0000",
      "é",
      "metadata",
      "spec",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 40 }), async (parts) => {
        const told = await problems(parts.join(""));
        expect(told.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});

describe("writing a manifest", () => {
  const text = fc
    .string({ minLength: 1, maxLength: 30 })
    .map((value) => value.replace(/[\p{Cc}\p{Cs}]/gu, "x"))
    .filter((value) => value.trim() === value && value !== "");
  const name = fc.stringMatching(/^[A-Z][A-Z_]{0,20}$/);
  const arbitrary = fc
    .record({
      displayName: text,
      labels: fc.dictionary(
        fc.stringMatching(/^[a-z][a-z0-9]{0,9}$/),
        fc.oneof(text, fc.constantFrom("yes", "null", "1", "1e3", "~", "2026-01-01")),
      ),
      settings: fc.dictionary(
        name,
        fc.oneof(text, fc.constantFrom("", " lead", "a\nb\n", "no", "0x1f", "- x")),
      ),
      release: fc.oneof(fc.constant(null), fc.constant("latest" as const), fc.integer({ min: 1, max: 99 })),
      state: fc.constantFrom("draft", "active", "suspended", "archived"),
    })
    .map(({ displayName, labels, settings, release, state }) =>
      manifestSchema.safeParse({
        ...{ apiVersion: "tenantry.dev/v1", kind: "Tenant", metadata: { slug: "acme", labels } },
        spec: { displayName, plan: "starter", state, release, config: { settings } },
      }),
    )
    .filter((result) => result.success)
    .map((result) => result.data as Manifest);

  it("gives what reads as the same manifest", async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, async (manifest) => {
        const [parsed] = await parseManifests({ documents: [writeManifest(manifest)] });
        expect(parsed?.manifest).toEqual(manifest);
        expect(parsed?.digest).toBe(digestOf(manifest));
      }),
      { numRuns: 200 },
    );
  });
});

describe("nearest", () => {
  it("finds what was meant, and nothing where nothing is near", () => {
    const known = ["displayName", "plan", "planes", "state", "release"];
    expect(nearest("displayname", known)).toBe("displayName");
    expect(nearest("plans", known)).toBe("plan");
    expect(nearest("colour", known)).toBeUndefined();
  });
});
