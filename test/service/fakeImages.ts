import { createHash } from "node:crypto";
import { ImageError, type ImageResolver } from "../../service/images/imageResolver.ts";

/** As the local cloud has it: every image but the missing ones, with a digest that belongs to the reference. */
export function createFakeImages(): ImageResolver & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async digestOf({ host, repository, tag }) {
      const reference = `${host}/${repository}:${tag}`;
      asked.push(reference);
      if (tag.includes("missing")) throw new ImageError("not_found", `there is no ${reference}`);
      if (tag.includes("away")) throw new ImageError("unavailable", `the registry ${host} does not answer`);
      return `sha256:${createHash("sha256").update(reference).digest("hex")}`;
    },
  };
}
