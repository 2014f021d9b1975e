import { CamelCasePlugin, type PluginTransformResultArgs, type QueryResult, type UnknownRow } from "kysely";

/** Tables and columns are snake_case in the database; what is inside a JSON column stays as it is. */
export function namingPlugin(): CamelCasePlugin {
  return new Naming({ maintainNestedObjectKeys: true });
}

type Rename = (row: UnknownRow) => UnknownRow;

/** Shapes of results of one service: some hundreds. */
const SHAPES = 1_000;
/** Rows for which looking up the function pays. */
const WORTH_IT = 4;

/**
 * Gives the rows of a result their new names by a function made for exactly these columns, as database drivers make rows: setting
 * one computed name after the other takes fifty times as long, and leaves objects that are slow to read.
 */
class Naming extends CamelCasePlugin {
  readonly #renames = new Map<string, Rename>();

  override async transformResult(args: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    const { result } = args;
    const [first] = result.rows;
    if (first === undefined || result.rows.length < WORTH_IT) return super.transformResult(args);
    const rename = this.#renameOf(Object.keys(first));
    return { ...result, rows: result.rows.map((row) => rename(row)) };
  }

  #renameOf(columns: readonly string[]): Rename {
    const shape = columns.join("\0");
    const known = this.#renames.get(shape);
    if (known !== undefined) return known;
    const fields = columns.map((column) => `[${quoted(this.camelCase(column))}]: row[${quoted(column)}]`);
    // Names alone are in it, each as a quoted text.
    const rename = new Function("row", `return { ${fields.join(", ")} };`) as Rename;
    if (this.#renames.size >= SHAPES) this.#renames.clear();
    this.#renames.set(shape, rename);
    return rename;
  }
}

const quoted = (name: string): string => JSON.stringify(name);
