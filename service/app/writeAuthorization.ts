import { writeFileSync } from "node:fs";
import { authorizationMatrix } from "./authorizationMatrix.ts";

/** Writes docs/authorization.md: part of `npm run contract`. */
writeFileSync(new URL("../../docs/authorization.md", import.meta.url), authorizationMatrix());
