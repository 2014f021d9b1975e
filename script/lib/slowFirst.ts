import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * The files that take about a minute or more, the slowest first. They begin first, so that none of them is left to run alone at the
 * end: on a fresh checkout vitest knows no times yet and goes by the size of a file, which says nothing of these.
 */
const SLOW = [
  "test/chaos/short.test.ts",
  "test/fleet/fleet.test.ts",
  "test/service/sagaMatrix.test.ts",
  "test/service/deaths.test.ts",
  "test/engine/recovery.test.ts",
  "test/emulator/lifecycle.test.ts",
  "test/stacks/modesOverHttp.test.ts",
  "test/service/replicas.test.ts",
];

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => rankOf(one) - rankOf(other));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = SLOW.findIndex((name) => moduleId.endsWith(name));
  return rank === -1 ? SLOW.length : rank;
}
