import { z } from "zod";

/** One setting: what `--help` says of it, with its default in brackets, and what it must be. */
export interface Setting<Schema extends z.ZodType> {
  readonly help: string;
  readonly schema: Schema;
}

export function setting<Schema extends z.ZodType>(help: string, schema: Schema): Setting<Schema> {
  return { help, schema };
}

export const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

/** A list with commas between. */
export const listed = z
  .string()
  .default("")
  .transform((list) =>
    list
      .split(",")
      .map((one) => one.trim())
      .filter((one) => one !== ""),
  );
