/** PSI against brute force: 10,000 items here, a million with `npm run test:psi`. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compareWithBruteForce } from "./_brute-force.ts";

test.each([1, 300, 10_000])(
  "every join of %i items is what a plain look-up finds, and leaves nothing",
  async (items) => {
    const folder = await mkdtemp(join(tmpdir(), "sealane-brute-"));
    const compared: [string, boolean][] = [];
    for await (const { operation, isRight } of compareWithBruteForce(items, items, folder)) {
      compared.push([operation, isRight]);
    }
    expect(compared).toEqual([
      ["intersection", true],
      ["cardinality", true],
      ["statistics", true],
    ]);
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true, force: true });
  },
);
