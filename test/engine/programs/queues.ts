import aws from "@pulumi/aws";
import pulumi from "@pulumi/pulumi";
import type { StackIdentity } from "../../../stacks/tenant/names.ts";
import type { TenantSpec } from "../../../stacks/tenant/spec.ts";

export const SECRET_VALUE = "correct-horse-battery-staple";

/**
 * Two queues, and misbehaviour chosen by the slug. A stand-in for the tenant program where a test is about the
 * engine and not about what is deployed.
 */
export function tenantProgram(
  spec: TenantSpec,
  _identity: StackIdentity,
): () => Promise<Record<string, unknown>> {
  const { tenantId, slug } = spec.tenant;
  return async () => {
    if (slug === "ponders" && pulumi.runtime.isDryRun()) await new Promise(() => {});
    const provider = new aws.Provider("aws", { region: "eu-west-1" });
    const tags = { "tenantry:tenant-id": spec.config.settings.OWNER ?? tenantId };
    const queue = (name: string, delaySeconds: number) =>
      new aws.sqs.Queue(name, { name: `${slug}-${name}`, delaySeconds, tags }, { provider });
    if (slug === "throws") throw new Error("the program cannot go on");
    if (slug === "strays") setTimeout(() => void Promise.reject(new Error("nobody caught this")), 1);
    if (slug === "dies") process.kill(process.pid, "SIGKILL");
    const jobs = queue("jobs", spec.release.number);
    queue("dead", 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { tenantId, jobsArn: jobs.arn, password: pulumi.secret(SECRET_VALUE) };
  };
}
