import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import type { Tags } from "./tags.ts";
import { RECENT_TLS_POLICY } from "./tls.ts";

export interface ListenersArgs {
  readonly loadBalancerArn: pulumi.Input<string>;
  readonly certificateArn: pulumi.Input<string>;
  readonly tags: Tags;
}

/**
 * What every public load balancer listens on: plain HTTP only leads to HTTPS, and what no rule knows is a 404. The
 * HTTPS listener is returned, for rules to hang on.
 */
export function createListeners(args: ListenersArgs, options: pulumi.CustomResourceOptions): aws.lb.Listener {
  const { loadBalancerArn, certificateArn, tags } = args;
  new aws.lb.Listener(
    "http",
    {
      loadBalancerArn,
      port: 80,
      protocol: "HTTP",
      defaultActions: [
        { type: "redirect", redirect: { port: "443", protocol: "HTTPS", statusCode: "HTTP_301" } },
      ],
      tags,
    },
    options,
  );
  return new aws.lb.Listener(
    "https",
    {
      loadBalancerArn,
      port: 443,
      protocol: "HTTPS",
      sslPolicy: RECENT_TLS_POLICY,
      certificateArn,
      defaultActions: [
        {
          type: "fixed-response",
          fixedResponse: {
            contentType: "text/plain",
            messageBody: "Nothing answers here",
            statusCode: "404",
          },
        },
      ],
      tags,
    },
    options,
  );
}
