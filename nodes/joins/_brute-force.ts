/**
 * All three joins of the same two random lists, over the code that nodes run and through the bytes that travel, against what a
 * plain look-up finds. Both sides are one process. What one operation has masked is remembered for the next: masking is
 * nearly all of the time, and the same function of the same items under the same keys.
 */
import { hash, randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type JoinSum, maskedColumns, openGroups } from "../../crypto/psi/join.ts";
import { psiKey } from "../../crypto/psi/masking.ts";
import type { MaskingPort, RunOf } from "../../crypto/psi/party.ts";
import { utf8 } from "../../crypto/suites/encoding.ts";
import { matchedGroups } from "../../ledger/audit/join-statements.ts";
import { seededRandom } from "../../policies/disclosure/_random-tables.ts";
import { openPsiWorkers } from "../psi/psi-workers.ts";
import {
  compareAnswer,
  placesOf,
  remasked,
  type StoredOwn,
  storeAnswer,
  storeOthers,
  storeOwn,
} from "../psi/stored-party.ts";
import { writeBrought } from "./match-bytes.ts";
import { runMatch } from "./match-task.ts";

export interface Compared {
  readonly operation: "intersection" | "cardinality" | "statistics";
  /** Items that both lists have, as they were found. */
  readonly keys: number;
  readonly isRight: boolean;
  readonly ms: number;
}

const LABELS = 7;
const GROUPS = 5;
const COLUMNS = 3;
const LARGEST = 10 ** 12;
const BOUND = BigInt(LARGEST);
const MINIMUM = 10;

/** `items` of the asker, a tenth more of the holder. `folder`: exists, and is left as it was. */
export async function* compareWithBruteForce(items: number, seed: number, folder: string): AsyncGenerator<Compared> {
  const tables = tablesOf(items, seed);
  const { asks, holds } = tables;
  const run = new Uint8Array(randomBytes(16));
  await using askerWorkers = openPsiWorkers({ key: psiKey(randomBytes(48)), run });
  await using holderWorkers = openPsiWorkers({ key: psiKey(randomBytes(48)), run });
  const [asking, holding] = [remembering(askerWorkers), remembering(holderWorkers)];
  const common = commonOf(asks, holds);
  const place = (name: string) => join(folder, name);
  const own = async (variant: RunOf["variant"]) => ({
    asker: await storeOwn(
      { variant, side: "asker", run, salt: randomBytes(32) },
      asking,
      asks,
      asks.length,
      place("a"),
    ),
    holder: await storeOwn(
      { variant, side: "holder", run, salt: randomBytes(32) },
      holding,
      holds,
      holds.length,
      place("b"),
    ),
  });
  const from = ({ commitment, salt, frames }: StoredOwn) => ({ commitment, run, salt, frames: frames() });

  for (const operation of ["intersection", "cardinality"] as const) {
    const began = performance.now();
    const lists = await own(operation);
    await using asker = lists.asker;
    await using holder = lists.holder;
    await using answer = await storeAnswer(holding, from(asker), place("answer"));
    await using others = await storeOthers(asking, from(holder), place("others"));
    const found: number[] = [];
    const come = { run, frames: answer.frames() };
    const keys = await compareAnswer(asker, others, come, place("compared"), (at) => found.push(at));
    const wanted = operation === "intersection" ? [...common.keys()] : [];
    const isRight =
      keys === common.size && isDeepStrictEqual(Float64Array.from(found).sort(), Float64Array.from(wanted));
    yield { operation, keys, isRight, ms: performance.now() - began };
  }

  const began = performance.now();
  const lists = await own("join");
  await using asker = lists.asker;
  await using holder = lists.holder;
  const pad = new Uint8Array(randomBytes(32));
  const order = await placesOf(holder.stored);
  const { words } = maskedColumns(tables.values, { bound: BOUND, order, run, seed: pad });
  await writeBrought(place("askers"), {
    points: remasked(asking, from(holder)),
    groups: Uint16Array.from(await placesOf(asker.stored), (at) => tables.labels[at]!),
  });
  await writeBrought(place("holders"), {
    points: remasked(holding, from(asker)),
    groups: Uint16Array.from(order, (at) => tables.groups[at]!),
    words,
  });
  const files = {
    folder,
    sizes: { asker: asks.length, holder: holds.length },
    asker: { path: place("askers"), groups: LABELS },
    holder: { path: place("holders"), groups: GROUPS, columns: COLUMNS },
    minimum: MINIMUM,
  };
  const groups = await runMatch(files, new AbortController().signal);
  const about = { seed: pad, run, size: holds.length, columns: COLUMNS, minimum: MINIMUM };
  const opened = openGroups(matchedGroups({ statement: { groups } }), about);
  for (const { path } of [files.asker, files.holder]) await rm(path);
  yield {
    operation: "statistics",
    keys: opened.reduce((sum, { rows }) => sum + rows, 0),
    isRight: isDeepStrictEqual(opened, sumsOf(tables, common)),
    ms: performance.now() - began,
  };
}

interface Tables {
  readonly asks: readonly string[];
  readonly holds: readonly string[];
  /** Of the asker's items, and of the holder's. */
  readonly labels: Uint16Array;
  readonly groups: Uint16Array;
  readonly values: readonly (readonly bigint[])[];
}

/** Two thirds of the asker's items are on the holder's list, in another order. The last label and group are rare. */
function tablesOf(items: number, seed: number): Tables {
  const random = seededRandom(seed);
  const below = (count: number) => Math.floor(random() * count);
  const rarely = (count: number) => (below(Math.ceil(items / 8)) === 0 ? count - 1 : below(count - 1));
  const asks = Array.from({ length: items }, (_, at) => `91330600MA${at.toString(36).padStart(8, "0")}`);
  const holds = asks.filter(() => random() < 2 / 3);
  for (let at = 0; holds.length < Math.ceil(1.1 * items); at++) holds.push(`另一家企业 ${at}`);
  for (let at = holds.length - 1; at > 0; at--) {
    const other = below(at + 1);
    [holds[at], holds[other]] = [holds[other]!, holds[at]!];
  }
  return {
    asks,
    holds,
    labels: Uint16Array.from({ length: asks.length }, () => rarely(LABELS)),
    groups: Uint16Array.from({ length: holds.length }, () => rarely(GROUPS)),
    values: Array.from({ length: COLUMNS }, () => holds.map(() => BigInt(below(2 * LARGEST + 1) - LARGEST))),
  };
}

/** By place in the asker's list: the place in the holder's. */
function commonOf(asks: readonly string[], holds: readonly string[]): ReadonlyMap<number, number> {
  const places = new Map(holds.map((item, at) => [item, at]));
  return new Map(
    asks.flatMap((item, at) => {
      const place = places.get(item);
      return place === undefined ? [] : [[at, place] as const];
    }),
  );
}

function sumsOf({ labels, groups, values }: Tables, common: ReadonlyMap<number, number>): readonly JoinSum[] {
  const sums = new Map<number, { rows: number; sums: bigint[] }>();
  for (const [asked, held] of common) {
    const group = labels[asked]! * GROUPS + groups[held]!;
    const known = sums.get(group) ?? { rows: 0, sums: values.map(() => 0n) };
    sums.set(group, {
      rows: known.rows + 1,
      sums: known.sums.map((sum, column) => sum + values[column]![held]!),
    });
  }
  return [...sums]
    .filter(([, { rows }]) => rows >= MINIMUM)
    .sort(([a], [b]) => a - b)
    .map(([group, rest]) => ({ group, ...rest }));
}

/** Masks what it has not masked yet. */
function remembering(port: MaskingPort): MaskingPort {
  const known = new Map<string, Uint8Array>();
  async function once(bytes: Uint8Array, work: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const name = hash("sha256", bytes, "base64url");
    const masked = known.get(name) ?? (await work());
    known.set(name, masked);
    return masked;
  }
  return {
    maskItems: (items) => once(utf8(JSON.stringify(items)), () => port.maskItems(items)),
    remask: (points) => once(points, () => port.remask(points)),
  };
}
