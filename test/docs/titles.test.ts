import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

/**
 * Pages that say which test holds a rule name it by its file and by words of its title: `([x.test](../x.test.ts): title; title)`, and once
 * the file was linked `(x.test: title)`. Words left out of a title are an ellipsis.
 */
const docs = resolve(import.meta.dirname, "../../docs");
const pages = readdirSync(docs).filter((name) => name.endsWith(".md"));

interface Citation {
  readonly name: string;
  readonly path: string | undefined;
  readonly titles: readonly string[];
}

function citationsOf(page: string): Citation[] {
  const text = inOneLine(readFileSync(join(docs, page), "utf8"));
  const linked = new Map<string, string>();
  const found: Citation[] = [];
  for (const { 0: whole, 1: shown, 2: target, 3: plain, 4: colon, index } of text.matchAll(CITATION)) {
    const name = (shown ?? plain ?? "").replace(/\.ts$/, "");
    if (target !== undefined) linked.set(name, target);
    else if (!linked.has(name) && !name.endsWith(".test")) continue;
    if (colon === undefined) continue;
    found.push({ name, path: linked.get(name), titles: titlesIn(text.slice(index + whole.length)) });
  }
  return found;
}

/** A link to code, or a name that may be one's; with a colon behind it titles follow. */
const CITATION = /(?:\[([^\]]+)\]\(([^)]+\.ts)\)|(?<=\(|; )([A-Za-z]+(?:\.test)?)(?=: ))(: )?/g;

/** Up to the next citation, or to the end of what stands in brackets. */
function titlesIn(rest: string): string[] {
  const [italic] = /^\*[^*]+\*/.exec(rest) ?? [];
  if (italic !== undefined) return [italic.replaceAll("*", "")];
  const [, mine = ""] = /^((?:[^()]|\([^()]*\))*)/.exec(rest) ?? [];
  const titles: string[] = [];
  for (const title of mine.split("; ")) {
    if (/\]\(|^[A-Za-z]+(\.test)?: /.test(title)) break;
    titles.push(title);
  }
  return titles;
}

const inOneLine = (text: string) => text.replaceAll(/\s+/g, " ");

function faultsOf({ name, path, titles }: Citation): string[] {
  if (path === undefined) return [`${name} is named before it is linked`];
  const source = inOneLine(readFileSync(resolve(dirname(join(docs, "x.md")), path), "utf8"));
  const missing = titles.filter((title) =>
    title.split("…").some((part) => !source.includes(part.replaceAll(/^[ ,]+|[ ,.]+$/g, ""))),
  );
  return missing.map((title) => `${name} has no test "${title}"`);
}

describe("the tests that are named by", () => {
  it.each(pages)("docs/%s are there", (page) => {
    expect(citationsOf(page).flatMap(faultsOf)).toEqual([]);
  });
});

it("are many of those that hold the rules of rollouts and drift", () => {
  for (const page of ["rollouts.md", "drift.md"]) {
    const titles = citationsOf(page).flatMap((citation) => citation.titles);
    expect(titles.length, page).toBeGreaterThan(20);
  }
});
