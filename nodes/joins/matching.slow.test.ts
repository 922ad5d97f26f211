/** The matcher with lists that have more than one bucket on disk. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { groupsOf, type Labels } from "../../crypto/psi/join.ts";
import { POINT_BYTES } from "../../crypto/psi/masking.ts";
import { matchedGroups } from "../../ledger/audit/join-statements.ts";
import { bring, broughtBytes, digestOf, type Matching, matchingOf, over, RUN } from "./_matching.ts";

const [ASKERS, HOLDERS, COMMON, COLUMNS] = [200_000, 230_000, 90_000, 3];
const MINIMUM = 14;
let matching: Matching;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealane-matching-"));
});
afterEach(async () => {
  await matching.stop();
  await rm(dir, { recursive: true, force: true });
});

const labelsOf = (items: number, count: number): Labels => ({
  count,
  of: Uint16Array.from({ length: items }, (_, at) => (at * 7919) % count),
});

/** The asker's list in the middle of the holder's, backwards. */
function listsOf() {
  const rows = new Uint8Array(randomBytes(POINT_BYTES * HOLDERS));
  const keys = new Uint8Array(randomBytes(POINT_BYTES * ASKERS));
  for (let at = 0; at < COMMON; at++) {
    const row = HOLDERS - 1 - 2 * at;
    keys.set(rows.subarray(POINT_BYTES * row, POINT_BYTES * (row + 1)), POINT_BYTES * (1000 + at));
  }
  const labels = { asker: labelsOf(ASKERS, 31), holder: labelsOf(HOLDERS, 200) };
  const masked = new BigUint64Array(new Uint8Array(randomBytes(8 * COLUMNS * HOLDERS)).buffer);
  return { rows, keys, labels, masked };
}
type Lists = ReturnType<typeof listsOf>;

async function matchedOf({ rows, keys, labels, masked }: Lists) {
  const asker = broughtBytes({ points: rows, groups: labels.asker.of });
  const holder = broughtBytes({ points: keys, groups: labels.holder.of, words: masked });
  matching = await matchingOf(dir, { asker: ASKERS, holder: HOLDERS });
  await matching.announce("ministry", RUN, { groups: 31, digest: digestOf(asker) });
  const said = { minimum: MINIMUM, columns: COLUMNS, askerGroups: 31 };
  await matching.announce("alpha", RUN, { groups: 200, digest: digestOf(holder), ...said });
  await Promise.all([bring(matching, "ministry", asker), bring(matching, "alpha", holder)]);
  return await over(matching);
}

test("of 200,000 items a side it signs what a match in memory gives", async () => {
  const lists = listsOf();
  const { rows, keys, labels, masked } = lists;
  const { matched } = await matchedOf(lists);
  const wanted = groupsOf({
    asker: { rows, labels: labels.asker },
    holder: { keys, labels: labels.holder, columns: { count: COLUMNS, words: masked } },
    minimum: MINIMUM,
  });
  expect(wanted.length).toBeGreaterThan(100);
  expect(Buffer.compare(textOf(matchedGroups(matched!)), textOf(wanted))).toBe(0);
});

test.each(["rows", "keys"] as const)(
  "a list of %s that all begin alike, as only a liar's do, is refused",
  async (list) => {
    const lists = listsOf();
    for (let at = 0; at < lists[list].length; at += POINT_BYTES) lists[list][at] = 7;
    expect(await matchedOf(lists)).toEqual({ refused: "ERR_PSI_STREAM" });
  },
);

const textOf = (groups: ReturnType<typeof groupsOf>): Buffer =>
  Buffer.from(groups.map(({ group, rows, sums }) => `${group} ${rows.join()} ${sums.join()}`).join("\n"));
