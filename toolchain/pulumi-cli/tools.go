//go:build tools

// Package tools pins the Pulumi CLI for toolchain/pulumiCli.ts to build where no official binary can be had.
// The import holds the requirement in go.mod; nothing of this package is compiled.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
