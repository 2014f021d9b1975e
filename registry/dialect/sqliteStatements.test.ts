import Database from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";
import { keepingStatements } from "./sqliteStatements.ts";

const opened: Database.Database[] = [];
afterEach(() => {
  for (const database of opened.splice(0)) database.close();
});

function open() {
  const database = new Database(":memory:");
  opened.push(database);
  database.exec("create table one (a integer); insert into one values (1), (2)");
  return { database, kept: keepingStatements(database) };
}

describe("statements that are kept", () => {
  it("are compiled once", () => {
    const { kept } = open();
    expect(kept.prepare("select a from one")).toBe(kept.prepare("select a from one"));
  });

  it("see what has become of their tables", () => {
    const { database, kept } = open();
    const read = () => kept.prepare("select * from one where a = ?").all([1]);
    expect(read()).toEqual([{ a: 1 }]);
    database.exec("alter table one add column b text default 'x'");
    expect(read()).toMatchObject([{ a: 1 }]);
    database.exec("drop table one; create table one (c text)");
    expect(() => read()).toThrow(/no such column/);
  });

  it("are not shared with who reads row by row", () => {
    const { kept } = open();
    const rows = [];
    for (const row of kept.prepare("select a from one").iterate([])) {
      rows.push(row, ...kept.prepare("select a from one").all([]));
    }
    expect(rows).toHaveLength(6);
  });

  it("go when there are too many, the one not asked for the longest first", () => {
    const { kept } = open();
    const first = kept.prepare("select 0");
    const second = kept.prepare("select 1");
    for (let number = 2; number < 500; number += 1) kept.prepare(`select ${number}`);
    expect(kept.prepare("select 0")).toBe(first);
    kept.prepare("select 500");
    expect(kept.prepare("select 0")).toBe(first);
    expect(kept.prepare("select 1")).not.toBe(second);
  });
});
