import { createHash } from "node:crypto";
import type { z } from "zod";
import { type FieldError, ProblemError } from "../../contract/errors.ts";
import { issueText } from "../../contract/issueText.ts";
import {
  MANIFEST_LIMITS,
  type Manifest,
  type ManifestBody,
  manifestSchema,
} from "../../contract/manifest.ts";
import { namesSecret, secretShapeOf } from "../../contract/secretShape.ts";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { locate } from "./locate.ts";
import { nearest } from "./nearest.ts";
import { withStandIn } from "./ownId.ts";
import { inOrder, placeOf, readYaml, startOf, type YamlDocument, type YamlText } from "./readYaml.ts";

/** Manifests out of texts, or all that is wrong with them, each with file, line and column. */
export interface ParsedManifest {
  readonly manifest: Manifest;
  readonly digest: string;
  readonly file: string;
  readonly line: number;
  /** Where a field stands, or what is nearest to where it should. */
  problem(path: string, message: string, hint?: string): FieldError;
}

/** Throws `manifest_invalid` with every problem found. */
export async function parseManifests(body: ManifestBody): Promise<ParsedManifest[]> {
  const { manifests, problems } = await readManifests(sourcesOf(body));
  refuseProblems(problems);
  return manifests;
}

export function refuseProblems(problems: readonly FieldError[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const where = `${first.file}:${first.line}:${first.column}`;
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
  throw new ProblemError("manifest_invalid", {
    detail: `Cannot take the manifests: ${where} ${[first.path, first.message].filter(Boolean).join(" ")}${more}. Nothing has been changed.`,
    hint: first.hint ?? "Correct what is listed in errors; docs/manifests.md describes every field.",
    errors: problems.slice(0, MANIFEST_LIMITS.problems),
  });
}

function sourcesOf({ documents }: ManifestBody): YamlText[] {
  return documents.map((document, index) =>
    typeof document === "string"
      ? { file: documents.length === 1 ? "manifest" : `document ${index + 1}`, text: document }
      : document,
  );
}

async function readManifests(
  sources: readonly YamlText[],
): Promise<{ manifests: ParsedManifest[]; problems: FieldError[] }> {
  const manifests: ParsedManifest[] = [];
  const problems: FieldError[] = [];
  let count = 0;
  for (const source of sources) {
    const read = await readYaml(source);
    problems.push(...read.problems);
    count += read.documents.length;
    if (count > MANIFEST_LIMITS.documents) {
      const message = `is too much: at most ${MANIFEST_LIMITS.documents} manifests at once`;
      return { manifests, problems: [{ path: "", file: source.file, line: 1, column: 1, message }] };
    }
    for (const document of read.documents) {
      const result = manifestSchema.safeParse(withStandIn(document.value));
      if (result.success) manifests.push(parsed(result.data, document));
      problems.push(...problemsIn(document, result.error?.issues ?? []));
    }
  }
  if (count === 0 && problems.length === 0) {
    const file = sources[0]?.file ?? "manifest";
    problems.push({ path: "", file, line: 1, column: 1, message: "holds no manifest" });
  }
  problems.push(...duplicates(manifests));
  return { manifests, problems };
}

function parsed(manifest: Manifest, document: YamlDocument): ParsedManifest {
  const { file, lines, contents } = document;
  return {
    ...{ manifest, file, digest: digestOf(manifest) },
    line: placeOf(lines, startOf(contents)).line,
    problem: (path, message, hint) => ({
      ...{ path, file, ...locate(document, path.split(".")), message },
      ...(hint === undefined ? {} : { hint }),
    }),
  };
}

export function digestOf(manifest: Manifest): string {
  return createHash("sha256").update(canonicalJson(manifest)).digest("hex");
}

function* duplicates(manifests: readonly ParsedManifest[]): Generator<FieldError> {
  const seen = new Map<string, ParsedManifest>();
  for (const one of manifests) {
    const { slug } = one.manifest.metadata;
    const first = seen.get(slug);
    if (first === undefined) seen.set(slug, one);
    else {
      const hint = "One tenant has one manifest; take one of the two out, or give it another slug.";
      yield one.problem(
        "metadata.slug",
        `is there twice: ${slug} is in ${first.file}:${first.line} too`,
        hint,
      );
    }
  }
}

function problemsIn(document: YamlDocument, issues: readonly Issue[]): FieldError[] {
  const found = issues.flatMap((issue) => told(issue, document));
  const paths = new Set(found.map(({ path }) => path));
  const secrets = [...secretsIn(document)].filter(({ path }) => !paths.has(path));
  return inOrder([...found, ...secrets]);
}

/**
 * The schema's own check of settings comes to nothing when anything else is wrong with them, and names and labels, which
 * end up in logs and tags, have none.
 */
function* secretsIn(document: YamlDocument): Generator<FieldError> {
  const texts: (readonly [string[], unknown])[] = [
    ...membersAt(document, ["metadata", "labels"]),
    ...membersAt(document, ["spec", "config", "settings"]),
    [["spec", "displayName"], valueAt(document.value, ["spec", "displayName"])],
  ];
  for (const [path, value] of texts) {
    const isNamed = path.includes("settings") && namesSecret(path.at(-1) ?? "");
    const shape = typeof value === "string" ? secretShapeOf(value) : undefined;
    if (!isNamed && shape === undefined) continue;
    const place = { file: document.file, ...locate(document, path) };
    const message = isNamed ? "is named like a secret" : `looks like ${shape}`;
    const hint = "Store the value in Secrets Manager and name its path or ARN in spec.config.secretRefs.";
    yield { path: path.join("."), ...place, message, hint };
  }
}

function membersAt(document: YamlDocument, path: readonly string[]): (readonly [string[], unknown])[] {
  const value = valueAt(document.value, path);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).map(([name, member]) => [[...path, name], member]);
}

type Issue = z.core.$ZodIssue;

function told(issue: Issue, document: YamlDocument): FieldError[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(path, key, document));
  const place = { file: document.file, ...locate(document, path, issue.code === "invalid_key") };
  const hint = hintOf(issue, valueAt(document.value, issue.path));
  return [
    { path: path.join("."), ...place, message: issueText(issue), ...(hint === undefined ? {} : { hint }) },
  ];
}

function unknownKey(path: readonly string[], key: string, document: YamlDocument): FieldError {
  const known = knownKeys(path);
  const meant = nearest(key, known);
  const hint = meant === undefined ? `Known here: ${known.join(", ")}.` : `Did you mean ${meant}?`;
  const place = { file: document.file, ...locate(document, [...path, key], true) };
  return { path: [...path, key.slice(0, 80)].join("."), ...place, message: "is not a known field", hint };
}

function hintOf(issue: Issue, value: unknown): string | undefined {
  if (issue.code === "custom" && typeof issue.params?.hint === "string") return issue.params.hint;
  const bare = typeof value === "number" || typeof value === "boolean" || value === null;
  if (issue.code === "invalid_type" && issue.expected === "string" && bare) {
    return `Put it in quotes: "${value}".`;
  }
  return undefined;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** Of the object at the path, from the schema itself, so that a hint never names a field that is not there. */
function knownKeys(path: readonly string[]): string[] {
  let schema: unknown = manifestSchema;
  for (const name of path) schema = shapeOf(schema)?.[name];
  return Object.keys(shapeOf(schema) ?? {});
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  let inner = schema as { def?: { innerType?: unknown }; shape?: Record<string, unknown> } | undefined;
  while (inner?.def?.innerType !== undefined) inner = inner.def.innerType as typeof inner;
  return inner?.shape;
}
