/** Images for whoever asks which digest a tag stands for: the account has every image but the missing ones. */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Routes } from "./router.ts";
import { validated } from "./router.ts";

const ImageQuery = z.object({ reference: z.string().min(1).max(512) });

/** A tag with this in it was never pushed. */
const MISSING = "missing";

export function imageRoutes(): Routes {
  return {
    "GET /v1/images": ({ query }) => {
      const { reference } = validated(Object.fromEntries(query.entries()), ImageQuery);
      return { reference, digest: digestOf(reference) };
    },
  };
}

/** The same for the same reference always, as if a tag were never moved. */
function digestOf(reference: string): string | null {
  const tag = reference.slice(reference.lastIndexOf(":") + 1);
  if (tag.includes(MISSING)) return null;
  return `sha256:${createHash("sha256").update(reference).digest("hex")}`;
}
