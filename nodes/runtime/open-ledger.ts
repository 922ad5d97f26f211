/** Opens this node's ledger: the sequencer itself, or a replica that follows it over HTTPS. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { FastifyBaseLogger } from "fastify";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import { openReplica } from "../../ledger/embedded/replica.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import type { SequencerApi } from "../../ledger/embedded/sequencer-api.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { PeerClient } from "../peer/client.ts";
import type { PeerTarget } from "../peer/member-directory.ts";
import { createSequencerClient } from "../peer/sequencer-client.ts";
import { PRIVATE_FOLDER } from "../store/atomic-file.ts";
import { StoreError } from "../store/store-error.ts";
import type { NetworkFile } from "./network/network-file.ts";

export const LEDGER_FOLDER = "ledger";

export interface OpenedLedger {
  readonly ledger: Ledger;
  /** Present on the node that sequences: what its peer interface serves. */
  readonly sequencer: SequencerApi | undefined;
}

export async function openLedger(deps: {
  readonly dir: string;
  readonly pinned: NetworkFile;
  readonly identity: SigningIdentity;
  readonly peers: PeerClient;
  /** Where the sequencer is, by the ledger; the pinned one while the replica is still empty. */
  readonly sequencer: () => Promise<PeerTarget>;
  readonly pollMs: number;
  readonly now: () => string;
  readonly log: FastifyBaseLogger;
}): Promise<OpenedLedger> {
  const location = join(deps.dir, LEDGER_FOLDER);
  await mkdir(location, { recursive: true, mode: PRIVATE_FOLDER });
  const store = await openLevelStore(location).catch((cause) => {
    throw new StoreError("ERR_STORE_LOCKED", `${location}: in use by another process, or damaged`, { cause });
  });
  const common = {
    store,
    network: deps.pinned.network,
    identity: deps.identity,
    now: () => Date.parse(deps.now()),
    onFork: (evidence: object) => deps.log.fatal({ evidence }, "the sequencer signed two histories"),
  };
  try {
    if (deps.pinned.role === "sequencer") {
      const { ledger, api } = await createSequencer(common);
      return { ledger, sequencer: api };
    }
    const ledger = await openReplica({
      ...common,
      sequencer: createSequencerClient({ peers: deps.peers, sequencer: deps.sequencer }),
      pinnedSequencerKey: deps.pinned.sequencer.publicKey,
      pollMs: deps.pollMs,
      onTrouble: (error) => deps.log.warn({ err: error }, "sequencer not reached; trying again"),
      onRejected: (transaction, error) =>
        deps.log.error({ type: transaction.statement.type, err: error }, "a waiting transaction was rejected"),
    });
    return { ledger, sequencer: undefined };
  } catch (error) {
    await store.close();
    throw error;
  }
}
