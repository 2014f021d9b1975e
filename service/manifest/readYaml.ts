import { setImmediate as breathe } from "node:timers/promises";
import {
  Composer,
  CST,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  type YAMLError,
} from "yaml";
import type { FieldError } from "../../contract/errors.ts";
import { MANIFEST_LIMITS } from "../../contract/manifest.ts";

/**
 * YAML from strangers, as plain data: YAML 1.2 without what makes it dangerous or means different things to different readers. Aliases
 * and anchors (bombs, cycles), tags, directives, merge keys, keys that are no strings and keys twice are refused, each
 * with its place. Words are counted before anything is built from them, so that a text costs no more than its length;
 * documents are built one by one, with room for other requests between.
 */
export interface YamlText {
  readonly file: string;
  readonly text: string;
}

export interface YamlDocument {
  readonly file: string;
  readonly contents: Node;
  readonly lines: LineCounter;
  readonly value: unknown;
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

const composerOptions = {
  version: "1.2",
  schema: "core",
  merge: false,
  stringKeys: false,
  // Quadratic in the library; done below in one pass.
  uniqueKeys: false,
  resolveKnownTags: false,
  prettyErrors: false,
  strict: true,
  logLevel: "silent",
} as const;
const documentsPerTurn = 20;

/** Every document of a text that could be read, and what is wrong with the others. */
export async function readYaml(
  source: YamlText,
): Promise<{ documents: YamlDocument[]; problems: FieldError[] }> {
  const lines = new LineCounter();
  const problems: FieldError[] = [];
  const documents: YamlDocument[] = [];
  const tooMuch = overLimit(source);
  if (tooMuch !== undefined) return { documents, problems: [tooMuch] };
  let count = 0;
  for (const document of new Composer(composerOptions).compose(
    new Parser(lines.addNewLine).parse(source.text),
    true,
    source.text.length,
  )) {
    count += 1;
    if (count % documentsPerTurn === 0) await breathe();
    if (problems.length >= MANIFEST_LIMITS.problems) break;
    const found = problemsOf(document, source.file, lines);
    problems.push(...found);
    const { contents } = document;
    if (found.length > 0 || isNothing(contents)) continue;
    documents.push({ file: source.file, contents, lines, value: document.toJS({ maxAliasCount: 0 }) });
  }
  return { documents, problems };
}

export function placeOf(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

/** As a reader meets them. */
export function inOrder(problems: readonly FieldError[]): FieldError[] {
  return [...problems].sort(
    (left, right) => (left.line ?? 0) - (right.line ?? 0) || (left.column ?? 0) - (right.column ?? 0),
  );
}

function isNothing(contents: unknown): contents is null {
  return contents === null || (isScalar(contents) && contents.value === null);
}

/** Marks of the lexer's own that stand for no text. */
const MARKS = new Set([CST.DOCUMENT, CST.FLOW_END, CST.SCALAR]);

/** Counts, and refuses directives: `%YAML 1.1` would make `yes` a boolean, `%TAG` would hide tags. */
function overLimit({ file, text }: YamlText): FieldError | undefined {
  let offset = 0;
  let tokens = 0;
  let inDocument = 0;
  for (const lexeme of new Lexer().lex(text)) {
    const at = offset;
    if (MARKS.has(lexeme)) continue;
    offset += lexeme.length;
    tokens += 1;
    inDocument += 1;
    const type = CST.tokenType(lexeme);
    if (type === "directive-line")
      return { ...problemAt(file, text, at), message: "is a directive, which is not taken" };
    if (type === "doc-start") inDocument = 0;
    if (tokens > MANIFEST_LIMITS.tokens || inDocument > MANIFEST_LIMITS.tokensPerDocument) {
      const message = `is too much: a manifest may have ${MANIFEST_LIMITS.tokensPerDocument} words and signs, all together ${MANIFEST_LIMITS.tokens}`;
      return { ...problemAt(file, text, at), message };
    }
  }
  return undefined;
}

function problemAt(file: string, text: string, offset: number): Omit<FieldError, "message"> {
  const before = text.slice(0, offset).split("\n");
  return { path: "", file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function problemsOf(document: Document.Parsed | Document, file: string, lines: LineCounter): FieldError[] {
  const tell = (offset: number, message: string, path = ""): FieldError => ({
    path,
    ...{ file, ...placeOf(lines, offset) },
    message,
  });
  const grammar = [...document.errors, ...document.warnings].slice(0, MANIFEST_LIMITS.problems);
  if (grammar.length > 0) return grammar.map((error) => tell(error.pos[0], inWords(error)));
  return inOrder([...structure(document.contents, tell)]);
}

function inWords(error: YAMLError): string {
  if (error.code === "RESOURCE_EXHAUSTION")
    return `is nested too deeply: a manifest goes ${MANIFEST_LIMITS.depth} deep`;
  if (error.code === "TAG_RESOLVE_FAILED") return "has a tag (!), which is not taken";
  return `is no YAML: ${error.message.split("\n")[0]?.slice(0, 200)}`;
}

type Tell = (offset: number, message: string, path?: string) => FieldError;

/** Walks with a list of its own rather than the stack, and no deeper than a manifest goes. */
function* structure(root: unknown, tell: Tell): Generator<FieldError> {
  const left: { node: unknown; path: string; depth: number }[] = [{ node: root, path: "", depth: 0 }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { node, path, depth } = next;
    const offset = startOf(node);
    if (isAlias(node)) yield tell(offset, "is an alias (*), which is not taken: write the value out", path);
    else if (isScalar(node) || isCollection(node)) {
      if (node.anchor !== undefined) yield tell(offset, "has an anchor (&), which is not taken", path);
      if (node.tag !== undefined) yield tell(offset, "has a tag (!), which is not taken", path);
    }
    if (!isCollection(node)) continue;
    if (depth >= MANIFEST_LIMITS.depth)
      yield tell(offset, `is nested deeper than ${MANIFEST_LIMITS.depth}`, path);
    else if (isMap(node)) {
      yield* keys(node.items, path, tell);
      for (const { key, value } of node.items) {
        left.push({ node: value, path: joined(path, nameOf(key)), depth: depth + 1 });
      }
    } else
      node.items.forEach(
        (item, index) => void left.push({ node: item, path: joined(path, String(index)), depth: depth + 1 }),
      );
  }
}

function* keys(items: readonly Pair[], path: string, tell: Tell): Generator<FieldError> {
  const seen = new Set<string>();
  for (const { key } of items) {
    const name = nameOf(key);
    if (!isScalar(key) || typeof key.value !== "string") {
      yield tell(startOf(key), "has a key that is no text: put it in quotes", joined(path, name));
    } else if (key.anchor !== undefined || key.tag !== undefined) {
      yield tell(startOf(key), "has a key with an anchor or a tag, which is not taken", joined(path, name));
    } else if (name === "__proto__") {
      yield tell(startOf(key), "is no name for a field", joined(path, name));
    } else if (seen.has(name)) {
      yield tell(startOf(key), "is there twice", joined(path, name));
    }
    seen.add(name);
  }
}

export function nameOf(key: unknown): string {
  return isScalar(key) ? String(key.value).slice(0, 80) : "?";
}

export function startOf(node: unknown): number {
  return isAlias(node) || isScalar(node) || isCollection(node) ? (node.range?.[0] ?? 0) : 0;
}

function joined(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
