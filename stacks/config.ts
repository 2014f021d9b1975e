import { z } from "zod";

/**
 * How a stack's configuration is read, whichever stack it is: what Pulumi.<stack>.yaml may say is a schema, checked at once,
 * with every problem named by its key. Keys are in the namespace `tenantry:`, except `aws:region`, which is where users
 * of Pulumi expect the region.
 */
export class StackConfigError extends Error {
  constructor(what: string, stack: string, problems: readonly string[]) {
    super(
      `Cannot run the ${what} ${stack}: its configuration is not valid.\n` +
        problems.map((problem) => `  ${problem}`).join("\n") +
        `\nSet values with \`pulumi config set --stack ${stack} --path tenantry:<key> <value>\` beside its Pulumi.yaml.`,
    );
    this.name = "StackConfigError";
  }
}

export interface ConfigurableStack {
  /** `plane` or `control plane`, for sentences. */
  readonly what: string;
  readonly stack: string;
}

/**
 * A stack's whole configuration (`tenantry:domain` → text) as parseStackConfig takes it. Every key of ours comes along,
 * so that one misspelt is refused instead of ignored. Throws for settings of Pulumi's default aws provider: our stacks
 * bring a provider of their own, and would silently run without, say, `aws:allowedAccountIds`.
 */
export function stackConfigOf(
  { what, stack }: ConfigurableStack,
  all: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const region = all["aws:region"];
  const unread = Object.keys(all).filter((key) => key.startsWith("aws:") && key !== "aws:region");
  if (unread.length > 0) {
    const problems = unread.map(
      (key) => `${key}: must be set as tenantry:aws.${key.slice("aws:".length)}, or be left out`,
    );
    throw new StackConfigError(what, stack, problems);
  }
  const ours = Object.entries(all).filter(([key]) => key.startsWith(NAMESPACE));
  const { aws, ...rest } = Object.fromEntries(
    ours.map(([key, text]): [string, unknown] => [key.slice(NAMESPACE.length), parsed(text)]),
  );
  const regionOnly = region === undefined ? {} : { region };
  return { ...rest, aws: typeof aws === "object" ? { ...regionOnly, ...aws } : (aws ?? regionOnly) };
}

/** Throws StackConfigError listing every problem with its key. */
export function parseStackConfig<Schema extends z.ZodType>(
  { what, stack }: ConfigurableStack,
  schema: Schema,
  raw: Readonly<Record<string, unknown>>,
): z.infer<Schema> {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new StackConfigError(
    what,
    stack,
    parsed.error.issues.flatMap((issue) => problemsOf(what, issue)),
  );
}

const NAMESPACE = "tenantry:";

/** Objects come as JSON text, plain values as themselves. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function problemsOf(what: string, issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code !== "unrecognized_keys") return [`${keyOf(issue.path)}: ${issue.message}`];
  return issue.keys.map((key) => `${keyOf([...issue.path, key])}: is not a setting of a ${what}`);
}

function keyOf(path: readonly PropertyKey[]): string {
  return path.join(".") === "aws.region" ? "aws:region" : `${NAMESPACE}${path.join(".")}`;
}

export const DomainName = z
  .string()
  .regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/, "must be a domain such as dev.example.com");

/** An Aurora PostgreSQL cluster, serverless v2; what is left out depends on the environment. */
export const DatabaseConfig = z
  .strictObject({
    engineVersion: z
      .string()
      .regex(/^\d+(\.\d+)?$/)
      .default("17.4"),
    instances: z.int().min(1).max(15).optional(),
    /** Aurora capacity units, in halves. */
    minCapacity: z.number().min(0.5).max(256).multipleOf(0.5).optional(),
    maxCapacity: z.number().min(1).max(256).multipleOf(0.5).optional(),
    backupRetentionDays: z.int().min(1).max(35).optional(),
  })
  .prefault({});
