import { harmless, type Io, paint } from "../io.ts";

/**
 * One object as `name: value` lines, members of objects below their name. Values are whole: they are wrapped by the
 * terminal and not by us, so that they can be copied.
 */
export function detailText(io: Pick<Io, "colour">, value: unknown): string {
  return `${lines(io, value, "").join("\n")}\n`;
}

function lines(io: Pick<Io, "colour">, value: unknown, indent: string): string[] {
  if (Array.isArray(value)) {
    if (value.length === 0) return [`${indent}-`];
    return value.flatMap((item) => listed(io, item, indent));
  }
  if (!isObject(value)) return [`${indent}${shown(value)}`];
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  if (entries.length === 0) return [`${indent}-`];
  return entries.flatMap(([name, member]) => {
    const title = `${indent}${paint(io, "faint", `${harmless(name)}:`)}`;
    if (isShort(member)) return [`${title} ${shown(member)}`];
    return [title, ...lines(io, member, `${indent}  `)];
  });
}

function listed(io: Pick<Io, "colour">, item: unknown, indent: string): string[] {
  const [first = "", ...rest] = lines(io, item, `${indent}  `);
  return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Lists of words stay on one line. */
function isShort(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((item) => !isObject(item));
  return !isObject(value) || Object.keys(value).length === 0;
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "-";
  if (Array.isArray(value)) return value.length === 0 ? "-" : value.map(shown).join(", ");
  if (typeof value === "object") return "-";
  return harmless(String(value));
}
