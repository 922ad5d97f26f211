import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { firstRound, partyOf } from "./_run.ts";
import { groupsOf, type JoinGroup, type Labels, maskedColumns, noLabels, openGroups } from "./join.ts";

const coded = (code: string) => expect.objectContaining({ code });
const BOUND = 10n ** 12n;

interface Row {
  readonly key: string;
  readonly values: readonly bigint[];
}

/** The four parties, as far as what each has goes. */
async function joinOf(asked: readonly { key: string; label: number }[], rows: readonly Row[], minimum: number) {
  const run = new Uint8Array(randomBytes(16));
  const asker = await partyOf(
    run,
    "join",
    "asker",
    asked.map(({ key }) => key),
  );
  const holder = await partyOf(
    run,
    "join",
    "holder",
    rows.map(({ key }) => key),
  );
  const seed = new Uint8Array(randomBytes(32));
  const values = rows[0]!.values.map((_, column) => rows.map((row) => row.values[column]!));
  const columns = maskedColumns(values, { bound: BOUND, order: holder.own.places, run, seed });
  const labels: Labels = { count: 3, of: Uint16Array.from(asker.own.places, (place) => asked[place]!.label) };
  const toMatch = {
    asker: { rows: await asker.port.remask(firstRound(holder, run)), labels },
    holder: { keys: await holder.port.remask(firstRound(asker, run)), labels: noLabels(rows.length), columns },
    minimum,
  };
  const about = { seed, run, size: rows.length, columns: columns.count, minimum };
  return { toMatch, about, columns, groups: groupsOf(toMatch) };
}

const keys = fc.uniqueArray(fc.nat({ max: 30 }).map(String), { minLength: 1, maxLength: 14 });
const value = fc.bigInt({ min: -BOUND, max: BOUND });

test("sums by group are what a plain join finds, and groups below the minimum are not there", async () => {
  await fc.assert(
    fc.asyncProperty(keys, keys, fc.array(value, { minLength: 60, maxLength: 60 }), async (asks, holds, numbers) => {
      const asked = asks.map((key, i) => ({ key, label: i % 3 }));
      const rows = holds.map((key, i) => ({ key, values: [numbers[2 * i]!, numbers[2 * i + 1]!] }));
      const { groups, about } = await joinOf(asked, rows, 2);
      const wanted = [0, 1, 2].flatMap((group) => {
        const keysOf = asked.filter(({ label }) => label === group).map(({ key }) => key);
        const found = rows.filter(({ key }) => keysOf.includes(key));
        const sums = [0, 1].map((column) => found.reduce((sum, { values }) => sum + values[column]!, 0n));
        return found.length < 2 ? [] : [{ group, rows: found.length, sums }];
      });
      expect(openGroups(groups, about)).toEqual(wanted);
    }),
    { numRuns: 15 },
  );
});

const five = Array.from({ length: 5 }, (_, i) => ({ key: `k${i}`, values: [BigInt(i + 1)] }));
const asking = five.map(({ key }, i) => ({ key, label: i < 3 ? 0 : 1 }));

test("a group of exactly the minimum is opened; of one less, not", async () => {
  const three = await joinOf(asking, five, 3);
  expect(openGroups(three.groups, three.about)).toEqual([{ group: 0, rows: 3, sums: [6n] }]);
  expect((await joinOf(asking, five, 2)).groups.map(({ group }) => group)).toEqual([0, 1]);
  expect((await joinOf(asking, five, 4)).groups).toEqual([]);
});

test("the receiver counts rows itself: none below the minimum, none twice, none from nowhere", async () => {
  const { groups, about } = await joinOf(asking, five, 2);
  const [a, b] = groups as [JoinGroup, JoinGroup];
  const GROUP = coded("ERR_PSI_GROUP");
  const refused = (...given: JoinGroup[]) => expect(() => openGroups(given, about)).toThrow(GROUP);
  expect(openGroups([a, b], about)).toHaveLength(2);
  refused({ ...a, rows: a.rows.subarray(0, 1) });
  refused({ ...a, rows: Uint32Array.of(a.rows[0]!, a.rows[0]!) });
  refused(a, { ...b, rows: a.rows });
  refused(a, { ...b, group: a.group });
  refused({ ...a, rows: Uint32Array.of(0, 5) });
  refused({ ...a, sums: new BigUint64Array(2) });
});

test("an asker that claims one row for many of its keys has each row once, whatever it sends", async () => {
  const { toMatch } = await joinOf(asking, five, 2);
  const one = toMatch.holder.keys.subarray(0, 32);
  const rows = new Uint8Array(toMatch.asker.rows.length);
  for (let row = 0; row < 5; row++) rows.set(one, 32 * row);
  expect(groupsOf({ ...toMatch, asker: { ...toMatch.asker, rows } })).toEqual([]);
});

test("what the matcher has is noise without the seed: the same values give other words in every run", async () => {
  const [one, other] = [await joinOf(asking, five, 2), await joinOf(asking, five, 2)];
  const words = new Set([...one.columns.words, ...other.columns.words]);
  expect(words.size).toBe(10);
  expect([...words].every((word) => word > 1n << 32n)).toBe(true);
  const { seed, ...about } = one.about;
  expect(openGroups(one.groups, { ...about, seed: seed.with(0, seed[0]! ^ 1) })).not.toEqual(
    openGroups(one.groups, one.about),
  );
});

test("values out of their bound, sums that may not fit and columns of another length are refused", () => {
  const order = Uint32Array.of(0, 1);
  const about = { bound: 10n, order, run: new Uint8Array(16), seed: new Uint8Array(32) };
  const INPUT = coded("ERR_PSI_INPUT");
  expect(maskedColumns([[10n, -10n]], about).words).toHaveLength(2);
  expect(() => maskedColumns([[11n, 0n]], about)).toThrow(INPUT);
  expect(() => maskedColumns([[0n, -11n]], about)).toThrow(INPUT);
  expect(() => maskedColumns([[1n]], about)).toThrow(INPUT);
  expect(maskedColumns([[1n, 2n]], { ...about, bound: (1n << 62n) - 1n }).count).toBe(1);
  expect(() => maskedColumns([[1n, 2n]], { ...about, bound: 1n << 62n })).toThrow(INPUT);
});

test("labels and words that do not fit their lists are refused", async () => {
  const { toMatch } = await joinOf(asking, five, 2);
  const { asker, holder } = toMatch;
  const MESSAGE = coded("ERR_PSI_MESSAGE");
  const wrong = [
    { ...toMatch, asker: { ...asker, labels: noLabels(4) } },
    { ...toMatch, asker: { ...asker, labels: { count: 1, of: Uint16Array.of(0, 0, 0, 0, 1) } } },
    { ...toMatch, holder: { ...holder, columns: { count: 2, words: holder.columns.words } } },
    { ...toMatch, asker: { ...asker, rows: asker.rows.subarray(1) } },
  ];
  for (const one of wrong) expect(() => groupsOf(one)).toThrow(MESSAGE);
});
