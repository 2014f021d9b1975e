/** IAM: policies, roles, and what ties them. */
import type { Case } from "../case.ts";
import { on } from "../case.ts";

const policy = on("aws:iam/policy:Policy");
const role = on("aws:iam/role:Role");
const inline = on("aws:iam/rolePolicy:RolePolicy");
const attachment = on("aws:iam/rolePolicyAttachment:RolePolicyAttachment");

const read = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::a/*" }],
});
const trust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [
    { Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ecs-tasks.amazonaws.com" } },
  ],
});
const noVendor = read.replace("s3:GetObject", "GetObject");
const noVersion = read.replace("2012-10-17", "2012-10-18");
const noResource = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "s3:GetObject" }],
});
const withPrincipal = read.replace('"Effect"', '"Principal":"*","Effect"');
const trustWithResource = trust.replace('"Effect"', '"Resource":"*","Effect"');
const tooLong = JSON.stringify({
  Version: "2012-10-17",
  Statement: Array.from({ length: 140 }, (_, index) => ({
    Effect: "Allow",
    Action: "s3:GetObject",
    Resource: `arn:aws:s3:::bucket-${index}/*`,
  })),
});
const LOST = "arn:aws:iam::123456789012:policy/lost";

const readPolicy = policy.create(
  "read",
  { name: "read", policy: read },
  [["iam", "create_policy", { PolicyName: "read", PolicyDocument: read }]],
  {
    id: "Policy.Arn",
    arn: "Policy.Arn",
    path: "Policy.Path",
    attachmentCount: "Policy.AttachmentCount",
    policyId: "Policy.PolicyId",
  },
);
const taskRole = role.create(
  "task",
  { name: "task", assumeRolePolicy: trust },
  [["iam", "create_role", { RoleName: "task", AssumeRolePolicyDocument: trust }]],
  {
    id: "Role.RoleName",
    arn: "Role.Arn",
    path: "Role.Path",
    uniqueId: "Role.RoleId",
    createDate: "Role.CreateDate",
    maxSessionDuration: "Role.MaxSessionDuration",
  },
);

const policies: Case = {
  name: "policies",
  steps: [
    readPolicy,
    policy.create("readTwice", { name: "read", policy: read }, [
      ["iam", "create_policy", { PolicyName: "read", PolicyDocument: read }],
    ]),
    ...[
      ["noJson", "{"],
      ["noVendor", noVendor],
      ["noVersion", noVersion],
      ["noResource", noResource],
      ["withPrincipal", withPrincipal],
      ["tooLong", tooLong],
    ].map(([name = "", document = ""]) =>
      policy.create(name, { name, policy: document }, [
        ["iam", "create_policy", { PolicyName: name, PolicyDocument: document }],
      ]),
    ),
    policy.create("longName", { name: "a".repeat(129), policy: read }, [
      ["iam", "create_policy", { PolicyName: "a".repeat(129), PolicyDocument: read }],
    ]),
    policy.create(
      "inPath",
      { name: "inPath", path: "/tenants/", policy: read },
      [["iam", "create_policy", { PolicyName: "inPath", Path: "/tenants/", PolicyDocument: read }]],
      { arn: "Policy.Arn", path: "Policy.Path" },
    ),
    policy.create("badPath", { name: "badPath", path: "tenants", policy: read }, [
      ["iam", "create_policy", { PolicyName: "badPath", Path: "tenants", PolicyDocument: read }],
    ]),
  ],
};

const roles: Case = {
  name: "roles",
  steps: [
    taskRole,
    role.create("taskTwice", { name: "task", assumeRolePolicy: trust }, [
      ["iam", "create_role", { RoleName: "task", AssumeRolePolicyDocument: trust }],
    ]),
    role.create("longName", { name: "a".repeat(65), assumeRolePolicy: trust }, [
      ["iam", "create_role", { RoleName: "a".repeat(65), AssumeRolePolicyDocument: trust }],
    ]),
    role.create("badName", { name: "a/b", assumeRolePolicy: trust }, [
      ["iam", "create_role", { RoleName: "a/b", AssumeRolePolicyDocument: trust }],
    ]),
    role.create("badTrust", { name: "badTrust", assumeRolePolicy: trustWithResource }, [
      ["iam", "create_role", { RoleName: "badTrust", AssumeRolePolicyDocument: trustWithResource }],
    ]),
    role.create("noBoundary", { name: "noBoundary", assumeRolePolicy: trust, permissionsBoundary: LOST }, [
      [
        "iam",
        "create_role",
        { RoleName: "noBoundary", AssumeRolePolicyDocument: trust, PermissionsBoundary: LOST },
      ],
    ]),
    inline.create(
      "inline",
      { name: "inline", role: "{{task.id}}", policy: read },
      [
        ["iam", "put_role_policy", { RoleName: "task", PolicyName: "inline", PolicyDocument: read }],
        ["iam", "get_role_policy", { RoleName: "task", PolicyName: "inline" }],
      ],
      { name: "PolicyName", role: "RoleName", policy: "PolicyDocument" },
    ),
    inline.create("inlineNoRole", { name: "inline", role: "lost", policy: read }, [
      ["iam", "put_role_policy", { RoleName: "lost", PolicyName: "inline", PolicyDocument: read }],
    ]),
    inline.create("inlineBad", { name: "bad", role: "{{task.id}}", policy: noVendor }, [
      ["iam", "put_role_policy", { RoleName: "task", PolicyName: "bad", PolicyDocument: noVendor }],
    ]),
    role.delete("roleWithInline", "task", [["iam", "delete_role", { RoleName: "task" }]]),
    inline.delete("inlineGone", "inline", [
      ["iam", "delete_role_policy", { RoleName: "task", PolicyName: "inline" }],
    ]),
    role.delete("roleGone", "task", [["iam", "delete_role", { RoleName: "task" }]]),
  ],
};

const attachments: Case = {
  name: "attachments",
  steps: [
    policy.create("read", { name: "read", policy: read }, readPolicy.theirs),
    role.create("task", { name: "task", assumeRolePolicy: trust }, taskRole.theirs),
    attachment.create(
      "attached",
      { role: "{{task.id}}", policyArn: "{{read.arn}}" },
      [
        ["iam", "attach_role_policy", { RoleName: "task", PolicyArn: "{{read.Policy.Arn}}" }],
        ["iam", "list_attached_role_policies", { RoleName: "task" }],
      ],
      { policyArn: "AttachedPolicies.0.PolicyArn" },
    ),
    policy.read("readAttached", "read", [["iam", "get_policy", { PolicyArn: "{{read.Policy.Arn}}" }]], {
      attachmentCount: "Policy.AttachmentCount",
    }),
    attachment.create("attachedNoRole", { role: "lost", policyArn: "{{read.arn}}" }, [
      ["iam", "attach_role_policy", { RoleName: "lost", PolicyArn: "{{read.Policy.Arn}}" }],
    ]),
    attachment.create("attachedNoPolicy", { role: "{{task.id}}", policyArn: LOST }, [
      ["iam", "attach_role_policy", { RoleName: "task", PolicyArn: LOST }],
    ]),
    role.delete("roleAttached", "task", [["iam", "delete_role", { RoleName: "task" }]]),
    attachment.delete("detached", "attached", [
      ["iam", "detach_role_policy", { RoleName: "task", PolicyArn: "{{read.Policy.Arn}}" }],
    ]),
    policy.delete("policyGone", "read", [["iam", "delete_policy", { PolicyArn: "{{read.Policy.Arn}}" }]]),
    policy.create("again", { name: "again", policy: read }, [
      ["iam", "create_policy", { PolicyName: "again", PolicyDocument: read }],
    ]),
    attachment.create("attachedAgain", { role: "{{task.id}}", policyArn: "{{again.arn}}" }, [
      ["iam", "attach_role_policy", { RoleName: "task", PolicyArn: "{{again.Policy.Arn}}" }],
    ]),
    policy.delete("policyAttached", "again", [
      ["iam", "delete_policy", { PolicyArn: "{{again.Policy.Arn}}" }],
    ]),
  ],
};

export const identityCases: readonly Case[] = [policies, roles, attachments];
