import { describe, expect, it } from "vitest";
import { type Column, shortened, tableText } from "./table.ts";

interface Row {
  readonly name: string;
  readonly id: string;
  readonly count: number;
}
const columns: readonly Column<Row>[] = [
  { title: "name", value: ({ name }) => name },
  { title: "id", value: ({ id }) => id, whole: true },
  { title: "n", value: ({ count }) => count, alignRight: true },
];
const row = (name: string, count = 1): Row => ({ name, id: "0b9f6c0e-5a0c-4b7e", count });
const lines = (width: number, rows: readonly Row[]) =>
  tableText({ columns: width, colour: false }, columns, rows).trimEnd().split("\n");

describe("tables", () => {
  it("are as wide as their widest cells, numbers to the right", () => {
    expect(lines(Number.POSITIVE_INFINITY, [row("acme", 7), row("globex", 1_234)])).toEqual([
      "name    id                     n",
      "acme    0b9f6c0e-5a0c-4b7e     7",
      "globex  0b9f6c0e-5a0c-4b7e  1234",
    ]);
  });

  it("never are wider than the terminal, and shorten what may be", () => {
    const shown = lines(40, [row("a tenant with a rather long display name")]);
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(shown[1]).toMatch(/^a tenant with a …\s+0b9f6c0e-5a0c-4b7e\s+1$/);
  });

  it("keep ids whole in a terminal that is too narrow for anything", () => {
    expect(lines(10, [row("acme")])[1]).toContain("0b9f6c0e-5a0c-4b7e");
  });

  it("count wide and joined characters as a terminal does", () => {
    const [, first, second] = lines(Number.POSITIVE_INFINITY, [row("日本語"), row("👩‍👩‍👧")]);
    // Six cells and two: as many columns before the id, though the texts have 3 and 8 code units.
    expect(first).toBe("日本語  0b9f6c0e-5a0c-4b7e  1");
    expect(second).toBe("👩‍👩‍👧      0b9f6c0e-5a0c-4b7e  1");
    expect(shortened("日本語日本語", 6)).toBe("日本…");
  });

  it("let no cell move the cursor, start a line or turn the direction of text", () => {
    const [, shown] = lines(Number.POSITIVE_INFINITY, [row("a\u001b[31mb\u0007\nc\u202ed")]);
    expect(shown).toBe("ab c d  0b9f6c0e-5a0c-4b7e  1");
  });

  it("are coloured only where colour is wanted", () => {
    const toned: readonly Column<Row>[] = [{ title: "name", value: ({ name }) => name, tone: () => "bad" }];
    expect(tableText({ columns: 80, colour: true }, toned, [row("acme")])).toContain("\u001b[31macme");
    expect(tableText({ columns: 80, colour: false }, toned, [row("acme")])).toBe("name\nacme\n");
  });
});
