/** What a coordinator needs for a join of sums: two lists of which half is in both, eight columns, 35 groups. */
import { fork } from "node:child_process";
import { hash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { siblingPath } from "../boot/sibling.ts";
import { writeBrought } from "../joins/match-bytes.ts";
import type { MatchFiles } from "../joins/match-files.ts";
import type { MatchReport } from "./psi-match-process.ts";

const COLUMNS = 8;
const [LABELS, GROUPS] = [7, 5];
const PIECE = 4096;

export async function measureMatch(count: number): Promise<MatchReport> {
  const folder = await mkdtemp(join(tmpdir(), "sealane-match-"));
  try {
    const asker = { path: join(folder, "asker"), groups: LABELS };
    const holder = { path: join(folder, "holder"), groups: GROUPS, columns: COLUMNS };
    const groupsOf = (number: number) => Uint16Array.from({ length: count }, (_, at) => at % number);
    await writeBrought(asker.path, { points: points(count, (at) => at), groups: groupsOf(LABELS) });
    await writeBrought(holder.path, {
      points: points(count, (at) => Math.floor(count / 2) + count - 1 - at),
      groups: groupsOf(GROUPS),
      words: BigUint64Array.from({ length: COLUMNS * count }, (_, at) => BigInt(at) << 40n),
    });
    const files: MatchFiles = { folder, sizes: { asker: count, holder: count }, asker, holder, minimum: 1 };
    const child = fork(siblingPath(import.meta.url, "./psi-match-process"), [JSON.stringify(files)]);
    const [report] = (await once(child, "message")) as [MatchReport];
    if (report.rows !== Math.ceil(count / 2))
      throw new Error(`match: wanted ${Math.ceil(count / 2)}, got ${report.rows}`);
    return report;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** As good as random, as masked items are. */
async function* points(count: number, item: (at: number) => number): AsyncIterable<Uint8Array> {
  for (let start = 0; start < count; start += PIECE) {
    const length = Math.min(PIECE, count - start);
    yield Buffer.concat(Array.from({ length }, (_, at) => hash("sha256", `${item(start + at)}`, "buffer")));
  }
}
