/** What an ARN says about a resource, the same way for every cloud. Pure. */
export interface ArnParts {
  /** `service:kind`, e.g. `ecs:service`. */
  readonly type: string;
  readonly id: string;
  readonly region: string;
  readonly accountId: string;
}

/** Services whose ARNs name no kind, because they have one kind only. */
const SINGLE_KIND: Readonly<Record<string, string>> = { s3: "bucket", sqs: "queue", sns: "topic" };

/** Undefined when the text is no ARN. */
export function parseArn(arn: string): ArnParts | undefined {
  const match = /^arn:[\w-]+:([\w-]+):([\w-]*):(\d*):(.+)$/s.exec(arn);
  if (!match) return undefined;
  const [, service = "", region = "", accountId = "", resource = ""] = match;
  const single = SINGLE_KIND[service];
  if (single !== undefined && !/^(accesspoint)[/:]/.test(resource)) {
    return { type: `${service}:${single}`, id: resource, region, accountId };
  }
  const [, kind = "", rest = ""] = /^([^/:]+)[/:](.*)$/s.exec(resource) ?? [];
  if (kind === "") return { type: service, id: resource, region, accountId };
  // Names of log groups and secrets hold slashes of their own; elsewhere slashes separate parents from the name.
  const id =
    service === "logs" || service === "secretsmanager" ? rest : rest.slice(rest.lastIndexOf("/") + 1);
  return { type: `${service}:${kind}`, id: id.replace(/:\*$/, ""), region, accountId };
}
