/** The contract's state while a ledger is executed again, beyond what memory holds in a folder of its own until then. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StateStore } from "../../chaincode/rules/host.ts";
import { type LogStore, openLevelStore } from "../../ledger/embedded/store.ts";
import { spilledState } from "./spilled-state.ts";

export function temporaryState(): StateStore & { readonly close: () => Promise<void> } {
  let opened: { readonly folder: string; readonly store: LogStore } | undefined;
  const state = spilledState(async () => {
    const folder = await mkdtemp(join(tmpdir(), "sealane-audit-"));
    const store = await openLevelStore(folder);
    opened = { folder, store };
    return store;
  });
  return Object.freeze({
    ...state,
    async close() {
      await opened?.store.close();
      if (opened !== undefined) await rm(opened.folder, { recursive: true, force: true });
    },
  });
}
