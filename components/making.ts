import type * as pulumi from "@pulumi/pulumi";

/** How a component makes its parts: what several components build alike asks for no more than this. */
export interface Making {
  /** Options that make a resource the component's child. */
  child(options?: pulumi.CustomResourceOptions): pulumi.CustomResourceOptions;
  /** The same for what holds data: a protected component's cannot be deleted. */
  kept(options?: pulumi.CustomResourceOptions): pulumi.CustomResourceOptions;
}
