import { createQueryId, type UnknownRow } from "kysely";
import { describe, expect, it } from "vitest";
import { namingPlugin } from "./naming.ts";

const naming = namingPlugin();

async function renamed(rows: UnknownRow[]): Promise<UnknownRow[]> {
  return (await naming.transformResult({ queryId: createQueryId(), result: { rows } })).rows;
}

const times = (count: number, row: UnknownRow) => Array.from({ length: count }, () => ({ ...row }));

// Few rows and many take different ways.
describe.each([1, 50])("names of the columns of %i rows", (count) => {
  it("are ours, and what is in the columns stays as it is", async () => {
    const content = { inner_name: [{ other_name: 1 }] };
    expect(await renamed(times(count, { tenant_id: "a", content, "0": null }))).toEqual(
      times(count, { tenantId: "a", content: { inner_name: [{ other_name: 1 }] }, "0": null }),
    );
  });

  it("are those of each result", async () => {
    expect(await renamed(times(count, { a_b: 1 }))).toEqual(times(count, { aB: 1 }));
    expect(await renamed(times(count, { a_b: 1, c_d: 3 }))).toEqual(times(count, { aB: 1, cD: 3 }));
    expect(await renamed([])).toEqual([]);
  });

  it("are names, whatever is in them", async () => {
    const odd = times(count, { 'x"]: process.exit(1), ["y': 1 });
    expect(await renamed(odd)).toEqual(odd);
  });
});

it("are given to each row with its own values", async () => {
  const rows = Array.from({ length: 50 }, (_, place) => ({ row_place: place }));
  expect(await renamed(rows)).toEqual(rows.map(({ row_place }) => ({ rowPlace: row_place })));
});
