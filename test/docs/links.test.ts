import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const PLACES = ["README.md", "CHANGELOG.md", "docs", "client/README.md", "examples", "toolchain"];

function pagesIn(path: string): string[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md") && !name.includes("node_modules"))
    .map((name) => join(path, name));
}

const pages = PLACES.flatMap((place) => pagesIn(join(root, place)));
const textOf = (page: string) => readFileSync(page, "utf8");

/** Links of a page that lead into this repository, without what stands in code. */
function linksOf(page: string): string[] {
  const prose = textOf(page)
    .replaceAll(/^```[\s\S]*?^```/gm, "")
    .replaceAll(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): Set<string> {
  const headings =
    textOf(page)
      .replaceAll(/^```[\s\S]*?^```/gm, "")
      .match(/^#+ .+$/gm) ?? [];
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/^#+ /, "")
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

function faultOf(page: string, link: string): string | undefined {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : resolve(dirname(page), path);
  if (!existsSync(target)) return `${link}: there is no such file`;
  if (anchor === undefined || !target.endsWith(".md")) return undefined;
  return anchorsOf(target).has(anchor) ? undefined : `${link}: there is no such heading`;
}

describe("the links of", () => {
  it.each(pages.map((page) => [relative(root, page), page]))("%s lead somewhere", (_name, page) => {
    const faults = linksOf(page).map((link) => faultOf(page, link));
    expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
  });
});

it("every page of docs/ can be reached from the README", () => {
  const seen = new Set<string>();
  const queue = [join(root, "README.md")];
  for (let page = queue.pop(); page !== undefined; page = queue.pop()) {
    if (seen.has(page) || !existsSync(page) || !page.endsWith(".md")) continue;
    seen.add(page);
    const from = page;
    queue.push(...linksOf(page).map((link) => resolve(dirname(from), link.split("#")[0] ?? "")));
  }
  const missed = pagesIn(join(root, "docs")).filter((page) => !seen.has(page));
  // A folder that is linked shows all its pages.
  const shown = missed.filter((page) => !page.includes("/decisions/"));
  expect(shown.map((page) => relative(root, page))).toEqual([]);
});
