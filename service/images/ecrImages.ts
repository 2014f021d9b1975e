import { DescribeImagesCommand, ECRClient } from "@aws-sdk/client-ecr";
import { type AwsClientOptions, endpointOf } from "../cloud/awsClients.ts";
import { IMAGE_DIGEST, ImageError, type ImageResolver, type TaggedImage } from "./imageResolver.ts";

const ECR_HOST = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/;

export function isEcr(host: string): boolean {
  return ECR_HOST.test(host);
}

export type EcrOptions = Pick<AwsClientOptions, "endpoint">;

/** Private registries of AWS, with the service's own credentials, which need ecr:DescribeImages. */
export function createEcrImages(options: EcrOptions): ImageResolver {
  const endpoint = endpointOf(options.endpoint, ["ecr"]);
  return {
    async digestOf(image, signal) {
      const [, registryId = "", region = ""] = ECR_HOST.exec(image.host) ?? [];
      const client = new ECRClient({ region, ...(endpoint !== undefined && { endpoint }) });
      const { repository: repositoryName, tag: imageTag } = image;
      const asked = new DescribeImagesCommand({ registryId, repositoryName, imageIds: [{ imageTag }] });
      try {
        const { imageDetails = [] } = await client.send(asked, { abortSignal: signal });
        const digest = imageDetails[0]?.imageDigest ?? "";
        if (IMAGE_DIGEST.test(digest)) return digest;
        throw new ImageError("unavailable", `ECR gives no digest of ${repositoryName}:${imageTag}`);
      } catch (thrown) {
        throw asImageError(thrown, image);
      } finally {
        client.destroy();
      }
    },
  };
}

function asImageError(thrown: unknown, { host, repository, tag }: TaggedImage): ImageError {
  if (thrown instanceof ImageError) return thrown;
  const name = thrown instanceof Error ? thrown.name : "";
  const options = { cause: thrown };
  if (name === "ImageNotFoundException" || name === "RepositoryNotFoundException") {
    return new ImageError("not_found", `ECR has no ${repository}:${tag} in ${host}`, options);
  }
  if (/AccessDenied|UnrecognizedClient|Credentials|ExpiredToken/.test(name)) {
    const message = `ECR does not let ${repository} be read: the service needs ecr:DescribeImages on it`;
    return new ImageError("denied", message, options);
  }
  return new ImageError("unavailable", `ECR does not answer for ${host}`, options);
}
