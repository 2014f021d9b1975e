import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** What script/test reads when vitest has ended. */
export interface TestCount {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Counts tests, and collects why some were skipped, which vitest's own reports leave out. A file that fails outside its tests
 * and an error nobody caught count as failures: a run must not look clean because its tests never began.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const file = process.env.TENANTRY_TEST_COUNT;
    if (file === undefined) return;
    let passed = 0;
    let failed = unhandledErrors.length;
    const skipped: { name: string; reason: string }[] = [];
    for (const module of modules) {
      const failedBefore = failed;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "passed") passed++;
        else if (result.state === "skipped") {
          skipped.push({ name: test.fullName, reason: result.note ?? "no reason given" });
        } else failed++;
      }
      if (module.state() === "failed" && failed === failedBefore) failed++;
    }
    writeFileSync(file, JSON.stringify({ passed, failed, skipped } satisfies TestCount));
  }
}
