import type { Settings } from "../config.ts";
import { createEcrImages, type EcrOptions, isEcr } from "./ecrImages.ts";
import type { ImageResolver } from "./imageResolver.ts";
import { createOciImages } from "./ociImages.ts";

/** For `cloud: aws`: each image is asked for where it is. */
export function createRegistryImages(options: EcrOptions): ImageResolver {
  const oci = createOciImages({ fetch });
  const ecr = createEcrImages(options);
  return {
    digestOf: (image, signal) => (isEcr(image.host) ? ecr : oci).digestOf(image, signal),
  };
}

/** Where images may come from when the settings do not say: the large public registries, and any private one of AWS. */
const USUAL_REGISTRIES = [
  ...["docker.io", "ghcr.io", "quay.io", "registry.gitlab.com", "public.ecr.aws", "mcr.microsoft.com"],
  ...["*.dkr.ecr.*.amazonaws.com", "*.dkr.ecr.*.amazonaws.com.cn", "gcr.io", "*.gcr.io", "*.pkg.dev"],
  "*.azurecr.io",
];

export function registriesOf({
  imageRegistries,
  cloud,
}: Pick<Settings, "imageRegistries" | "cloud">): string[] {
  if (imageRegistries !== undefined) return imageRegistries.split(",");
  return cloud === "local" ? ["*"] : USUAL_REGISTRIES;
}
