import { createHash } from "node:crypto";
import type { z } from "zod";
import { type FieldError, ProblemError } from "../../contract/errors.ts";
import {
  MANIFEST_LIMITS,
  type Manifest,
  type ManifestBody,
  manifestSchema,
} from "../../contract/manifest.ts";
import { namesSecret, secretShapeOf } from "../../contract/secretShape.ts";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { issuesAt, valueAt } from "./issues.ts";
import { locate } from "./locate.ts";
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

export function sourcesOf({ documents }: ManifestBody, what = "manifest"): YamlText[] {
  return documents.map((document, index) =>
    typeof document === "string"
      ? { file: documents.length === 1 ? what : `document ${index + 1}`, text: document }
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
  const ids = new Map<string, ParsedManifest>();
  for (const one of manifests) {
    const { slug } = one.manifest.metadata;
    for (const [system, id] of Object.entries(one.manifest.spec.externalIds ?? {})) {
      const other = ids.get(`${system} ${id}`);
      if (other === undefined) ids.set(`${system} ${id}`, one);
      else
        yield one.problem(
          `spec.externalIds.${system}`,
          `is there twice: ${id} is in ${other.file}:${other.line} too`,
        );
    }
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

function problemsIn(document: YamlDocument, issues: readonly z.core.$ZodIssue[]): FieldError[] {
  const found = issuesAt(document, issues, manifestSchema);
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
