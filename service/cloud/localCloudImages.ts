import { z } from "zod";
import { IMAGE_DIGEST, ImageError, type ImageResolver } from "../images/imageResolver.ts";
import { CloudRuntimeError } from "./cloudRuntime.ts";
import { createLocalControl } from "./localControl.ts";

const Answer = z.looseObject({ digest: z.string().regex(IMAGE_DIGEST).nullable() });

/** The local cloud has every image but those whose tag says that they are missing. */
export function createLocalImages(options: { readonly controlUrl: () => Promise<string> }): ImageResolver {
  const control = createLocalControl(options.controlUrl);
  return {
    async digestOf({ host, repository, tag }) {
      const reference = `${host}/${repository}:${tag}`;
      const { digest } = await control
        .ask({ path: "/v1/images", query: { reference } }, Answer)
        .catch((cause: unknown) => {
          if (!(cause instanceof CloudRuntimeError)) throw cause;
          throw new ImageError("unavailable", cause.message, { cause });
        });
      if (digest !== null) return digest;
      throw new ImageError("not_found", `the local cloud has no ${reference}`);
    },
  };
}
