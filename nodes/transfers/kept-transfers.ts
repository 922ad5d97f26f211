/** What of a transfer that is over stays, and what goes with its record: everything that is known by its id. */

import { PUSH } from "../../exchange/transfers/formats.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import { isTransferOver, type Transfer } from "../../exchange/transfers/transfer.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import type { RecordStore } from "../store/records.ts";
import type { Inbox } from "./inbox.ts";
import type { PushRecord } from "./pushes.ts";
import type { Usage } from "./usage.ts";
import type { Wanted } from "./wanted.ts";
import type { Wishes } from "./wishes.ts";

type Kept = ProcessRecord<Transfer, TransferMessage>;

export interface KeptTransfersDeps {
  readonly inbox: Pick<Inbox, "state" | "erase">;
  readonly usage: Pick<Usage, "forget">;
  readonly wishes: Pick<Wishes, "forget">;
  readonly pushed: RecordStore<true>;
  readonly pushing: RecordStore<PushRecord>;
  readonly wanted: RecordStore<Wanted>;
  readonly forgetToken: (pid: string) => void;
}

export function createKeptTransfers(deps: KeptTransfersDeps) {
  return Object.freeze({
    /** What a provider has sent can be fetched until this node's operator erases it. */
    async isNeeded({ pid, side: { role, document } }: Kept): Promise<boolean> {
      if (role !== "consumer" || document?.format !== PUSH) return false;
      const { isComplete, held, bytes } = await deps.inbox.state(pid);
      return isComplete && held === bytes;
    },
    /** Nothing more will be said: what was only about going on. */
    async moved({ pid, side: { document } }: Kept): Promise<void> {
      if (document === undefined || !isTransferOver(document.state)) return;
      deps.forgetToken(pid);
      await deps.wishes.forget(pid);
      await deps.pushing.delete(pid);
    },
    async forget({ pid }: Kept): Promise<void> {
      deps.forgetToken(pid);
      await deps.inbox.erase(pid);
      await deps.usage.forget(pid);
      await deps.wishes.forget(pid);
      for (const store of [deps.pushed, deps.pushing, deps.wanted]) await store.delete(pid);
    },
  });
}
