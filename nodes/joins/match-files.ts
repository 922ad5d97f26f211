/**
 * The match of two lists that nobody here can read, over files: points are dealt to buckets and sorted on disk, and words pass
 * by in the order of the holder's rows. What is in memory is a bucket, a piece, and some ten bytes an item.
 */
import { join } from "node:path";
import { groupingOf, type JoinGroup } from "../../crypto/psi/join.ts";
import { matchStored, storeSorted } from "../psi/stored-lists.ts";
import { readLabels, readPoints, readWords } from "./match-bytes.ts";

/** What a side brought, as a file of the sizes that follow from the ledger. */
export interface MatchFile {
  readonly path: string;
  /** Groups of this side. */
  readonly groups: number;
}

export interface MatchFiles {
  /** For what is sorted; left empty. */
  readonly folder: string;
  readonly sizes: { readonly asker: number; readonly holder: number };
  readonly asker: MatchFile;
  readonly holder: MatchFile & { readonly columns: number };
  readonly minimum: number;
}

/** Throws ERR_PSI_MESSAGE, ERR_PSI_GROUP. */
export async function matchFiles({ folder, sizes, asker, holder, minimum }: MatchFiles): Promise<readonly JoinGroup[]> {
  const askers = { own: sizes.asker, other: sizes.holder, columns: 0 };
  const holders = { own: sizes.holder, other: sizes.asker, columns: holder.columns };
  const grouping = groupingOf({
    asker: await readLabels(asker.path, asker.groups, askers),
    holder: await readLabels(holder.path, holder.groups, holders),
    columns: holder.columns,
    minimum,
  });
  await using rows = await storeSorted(join(folder, "rows"), readPoints(asker.path, askers), sizes.holder);
  await using keys = await storeSorted(join(folder, "keys"), readPoints(holder.path, holders), sizes.asker);
  await matchStored(keys, rows, grouping.matched);
  for await (const words of readWords(holder.path, holders)) grouping.add(words);
  return grouping.groups();
}
