/** The log without contract and quorum: leaves, Merkle nodes and a signed checkpoint per group commit, each fsynced. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { NETWORK, testMember } from "../../ledger/conformance/fixture.ts";
import { appendOperations, growLog } from "../../ledger/embedded/append.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import { originOf, signCheckpoint } from "../../ledger/log/checkpoint.ts";
import { leafText } from "../../ledger/log/leaf.ts";
import { EMPTY_RANGE, rootOf } from "../../ledger/log/tree.ts";
import type { LedgerEntry } from "../../ledger/port.ts";

const GROUP = 2_000;

/** Entries per second. */
export async function appendAlone(entries: readonly LedgerEntry[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "sealane-bench-log-"));
  const store = await openLevelStore(folder);
  const { identity } = testMember("operator");
  try {
    let range = EMPTY_RANGE;
    const started = performance.now();
    for (let at = 0; at < entries.length; at += GROUP) {
      const grown = growLog(
        range,
        entries.slice(at, at + GROUP).map(({ time, transaction }) => leafText(time, canonicalJson(transaction))),
      );
      range = grown.range;
      signCheckpoint({ origin: originOf(NETWORK), size: range.size, root: rootOf(range) }, identity);
      await store.batch(appendOperations(at, grown), { sync: true });
    }
    return (entries.length * 1000) / (performance.now() - started);
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}
