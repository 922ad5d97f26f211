/**
 * Private set intersection of two lists of which half is in both, from items to result: commitments, three lists on disk and
 * as frames that are checked as they come, matching. Sizes are 10,000, 100,000 and so on up to `--items`; @openmined/psi.js does `--baseline`
 * items, on the one thread that it has, in the same run. Both sides are one process here, on as many workers as there are processors,
 * which take turns as they do between two nodes. `psiSpeedup` compares items per second at the largest size with the other library's
 * at its own; `psiSameSizeSpeedup` both at the library's size, where the start of workers counts; `psiProcessorRatio` the processor
 * time of all threads there, which a busy machine changes less. `psiGrowth`: processor time per item at the largest size over that at
 * the smallest. Memory is the peak of the process after each size, both sides and, in each, the lists of items.
 *
 * `psiFloorSpeedup`: what it would be were there nothing but OpenSSL's multiplications (`openssl speed`) and our hashes on these
 * processors, all of them free; `psiNodeFloorSpeedup`: with multiplications as they cost through Node's API. Lists of sums are matched by the
 * coordinator in a process of its own (`psiMatch…`: time, peak, longest stretch of its loop).
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { psiKey } from "../../crypto/psi/masking.ts";
import { openPsiWorkers } from "../psi/psi-workers.ts";
import { compareAnswer, type StoredOwn, storeAnswer, storeOthers, storeOwn } from "../psi/stored-party.ts";
import { type BenchOptions, defineBench } from "./bench.ts";
import { leastMs, measureFloor } from "./psi-floor.ts";
import { measureMatch } from "./psi-match.ts";
import { openOpenMined } from "./psi-openmined.ts";

const SIZES = { items: { full: 100_000, tiny: 300 }, baseline: { full: 10_000, tiny: 300 } };

export const psiBench = defineBench(SIZES, async ({ sizes, tiny, note }: BenchOptions<keyof typeof SIZES>) => {
  const { items, baseline } = sizes;
  const counts: number[] = [];
  for (let count = Math.min(items, 10_000); count <= items; count *= 10) counts.push(count);
  const runs: Measured[] = [];
  for (const count of counts) {
    note(`${count} items`);
    runs.push(await measured(count, async () => await runOurs(count)));
  }
  const matches: (Awaited<ReturnType<typeof measureMatch>> & { count: number })[] = [];
  for (const count of counts) {
    note(`${count} items matched for sums`);
    matches.push({ count, ...(await measureMatch(count)) });
  }
  const costs = runs.map(({ processorMs, count: of }) => processorMs / of);
  const growth = costs.at(-1)! / costs[0]!;
  return {
    parameters: { items, baseline },
    results: [
      // The other library comes from the registry; a tiny run needs none.
      ...(tiny ? [] : await besideOpenMined(baseline, runs.at(-1)!, note)),
      { metric: "psiGrowth", value: growth, unit: "x", target: { atMost: 1.5 } },
      ...runs.flatMap(({ count, ms, processorMs, bytes, peakMiB }) => [
        { metric: `psi${count}Ms`, value: ms, unit: "ms" },
        { metric: `psi${count}ProcessorMs`, value: processorMs, unit: "ms" },
        { metric: `psi${count}Bytes`, value: bytes, unit: "bytes" },
        { metric: `psi${count}PeakMiB`, value: peakMiB, unit: "MiB" },
      ]),
      ...matches.flatMap(({ count, ms, peakMiB, loopMs }) => [
        { metric: `psiMatch${count}Ms`, value: ms, unit: "ms" },
        { metric: `psiMatch${count}PeakMiB`, value: peakMiB, unit: "MiB" },
        { metric: `psiMatch${count}LoopMs`, value: loopMs, unit: "ms" },
      ]),
    ],
  };
});

async function besideOpenMined(count: number, largest: Measured, note: (text: string) => void) {
  await using library = await openOpenMined();
  note(`@openmined/psi.js, ${count} items`);
  const [asks, holds] = listsOf(count);
  const theirs = await measured(count, async () => library.intersect(asks, holds));
  note(`the same ${count} items by Sealane`);
  const ours = await measured(count, async () => await runOurs(count));
  note("multiplications and hashes alone");
  const { rawUs, multiplyUs, computeSecretUs, hashUs } = await measureFloor();
  // Theirs is one thread: its processor time is what an idle machine takes.
  const best = (us: number) => theirs.processorMs / leastMs(count, us, hashUs, availableParallelism());
  const ifRaw = (metric: string, value: (us: number) => number, unit: string) =>
    rawUs === undefined ? [] : [{ metric, value: value(rawUs), unit }];
  return [
    {
      metric: "psiSpeedup",
      value: theirs.ms / theirs.count / (largest.ms / largest.count),
      unit: "x",
      target: { atLeast: 10 },
    },
    { metric: "psiSameSizeSpeedup", value: theirs.ms / ours.ms, unit: "x" },
    { metric: "psiProcessorRatio", value: theirs.processorMs / ours.processorMs, unit: "x" },
    ...ifRaw("psiFloorSpeedup", best, "x"),
    { metric: "psiNodeFloorSpeedup", value: best(computeSecretUs), unit: "x" },
    ...ifRaw("openSslMultiplyUs", (us) => us, "us"),
    { metric: "multiplyUs", value: multiplyUs, unit: "us" },
    { metric: "nodeMultiplyUs", value: computeSecretUs, unit: "us" },
    { metric: "hashToCurveUs", value: hashUs, unit: "us" },
    { metric: "openMinedMs", value: theirs.ms, unit: "ms" },
    { metric: "openMinedProcessorMs", value: theirs.processorMs, unit: "ms" },
    { metric: "openMinedBytes", value: theirs.bytes, unit: "bytes" },
  ];
}

interface Measured {
  readonly count: number;
  readonly ms: number;
  readonly processorMs: number;
  readonly bytes: number;
  readonly peakMiB: number;
}

async function measured(
  count: number,
  work: () => Promise<{ readonly found: number; readonly bytes: number }>,
): Promise<Measured> {
  const before = process.cpuUsage();
  const began = performance.now();
  const { found, bytes } = await work();
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  if (found !== Math.ceil(count / 2)) throw new Error(`intersection: wanted ${Math.ceil(count / 2)}, got ${found}`);
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  return { count, ms, processorMs: (user + system) / 1000, bytes, peakMiB };
}

/** Company codes; every second one of the asker's is on the holder's list. */
function listsOf(count: number): [readonly string[], readonly string[]] {
  const codes = (from: number, step: number) =>
    Array.from({ length: count }, (_, i) => `91330600${String(from + i * step).padStart(10, "0")}`);
  return [codes(0, 1), codes(0, 2)];
}

async function runOurs(count: number) {
  const [asks, holds] = listsOf(count);
  const folder = await mkdtemp(join(tmpdir(), "sealane-psi-"));
  const run = new Uint8Array(randomBytes(16));
  const about = { variant: "intersection", run } as const;
  const place = (name: string) => join(folder, name);
  let bytes = 0;
  async function* counted(frames: AsyncIterable<Uint8Array>) {
    for await (const frame of frames) {
      bytes += frame.length;
      yield frame;
    }
  }
  try {
    await using asking = openPsiWorkers({ key: psiKey(randomBytes(48)), run });
    await using holding = openPsiWorkers({ key: psiKey(randomBytes(48)), run });
    const salts = [randomBytes(32), randomBytes(32)] as const;
    await using asker = await storeOwn({ ...about, side: "asker", salt: salts[0] }, asking, asks, count, place("a"));
    await using holder = await storeOwn(
      { ...about, side: "holder", salt: salts[1] },
      holding,
      holds,
      count,
      place("b"),
    );
    const from = ({ commitment, salt, frames }: StoredOwn) => ({ commitment, run, salt, frames: counted(frames()) });
    await using answer = await storeAnswer(holding, from(asker), place("answer"));
    await using others = await storeOthers(asking, from(holder), place("others"));
    const answered = { run, frames: counted(answer.frames()) };
    let even = 0;
    const found = await compareAnswer(asker, others, answered, place("answered"), (at) => {
      even += at % 2 === 0 ? 1 : 0;
    });
    return { found: Math.min(found, even), bytes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
