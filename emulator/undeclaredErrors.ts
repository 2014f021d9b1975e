/**
 * Error codes that a service answers with although its API model does not declare them. The provider's SDK has no type
 * for those and puts "api error" before them. The oracle holds this table against the models.
 */
export const UNDECLARED_ERRORS: Readonly<Record<string, "all" | readonly string[]>> = {
  EC2: "all",
  IAM: ["ValidationError"],
  KMS: ["NotAuthorizedException", "ValidationException"],
  "Elastic Load Balancing v2": ["UnsupportedCertificate", "ValidationError"],
  RDS: ["InvalidParameterCombination", "InvalidParameterValue"],
  S3: [
    "AccessPointAlreadyOwnedByYou",
    "BucketNotEmpty",
    "InvalidArgument",
    "InvalidBucketName",
    "InvalidURI",
    "KeyTooLongError",
    "MalformedPolicy",
    "MalformedXML",
    "PolicyTooLarge",
    "TooManyAccessPoints",
  ],
  "S3 Control": "all",
  "Secrets Manager": ["ValidationException"],
  SQS: ["InvalidParameterValue"],
};

/** "ClusterNotFoundException: Cluster not found.", "api error InvalidVpcID.NotFound: …". */
export function errorText(
  service: string,
  error: { readonly code: string; readonly message: string },
): string {
  const undeclared = UNDECLARED_ERRORS[service] ?? [];
  const isDeclared = undeclared !== "all" && !undeclared.includes(error.code);
  return `${isDeclared ? "" : "api error "}${error.code}: ${error.message}`;
}
