/** A worker that matches the files of one join, and ends. */
import { parentPort, workerData } from "node:worker_threads";
import { PsiError, type PsiErrorCode } from "../../crypto/psi/errors.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import type { JoinMatched } from "../../ledger/audit/join-statements.ts";
import { bytesOf } from "./match-bytes.ts";
import { type MatchFiles, matchFiles } from "./match-files.ts";

export type MatchedGroups = JoinMatched["statement"]["groups"];
export type MatchReply = { readonly groups: MatchedGroups } | { readonly refused: PsiErrorCode };

const reply = (message: MatchReply): void => parentPort!.postMessage(message);

try {
  const groups = await matchFiles(workerData as MatchFiles);
  reply({
    groups: groups.map(({ group, rows, sums }) => ({
      group,
      rows: toBase64url(bytesOf(rows)),
      sums: toBase64url(bytesOf(sums)),
    })),
  });
} catch (error) {
  if (!(error instanceof PsiError)) throw error;
  reply({ refused: error.code });
}
