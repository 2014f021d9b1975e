import type { Compilable, CompiledQuery } from "kysely";
import type { Reader } from "./registry.ts";

/**
 * A query that is asked with every request, built and compiled once for each connection it is asked on: that takes longer than
 * running it. It must be the same query whatever the values are, and read alone: who watches for writes does not see it.
 */
export function prepared<Values extends readonly string[], Row>(
  build: (db: Reader, ...values: Values) => Compilable<Row>,
): (db: Reader, ...values: Values) => Promise<Row[]> {
  const compiled = new WeakMap<Reader, CompiledQuery<Row>>();
  return async (db, ...values) => {
    const query = compiled.get(db) ?? compile(db, build);
    compiled.set(db, query);
    const parameters = query.parameters.map((parameter) => {
      const place = MARK.exec(String(parameter))?.[1];
      return place === undefined ? parameter : values[Number(place)];
    });
    return (await db.executeQuery<Row>({ ...query, parameters })).rows;
  };
}

/** Stands for the value at its place. No value of ours holds a NUL. */
const MARK = /^\0value (\d)$/;

function compile<Values extends readonly string[], Row>(
  db: Reader,
  build: (db: Reader, ...values: Values) => Compilable<Row>,
): CompiledQuery<Row> {
  const marks = Array.from({ length: build.length - 1 }, (_, place) => `\0value ${place}`);
  // As many as the function takes, all of them text.
  return build(db, ...(marks as unknown as Values)).compile();
}
