/**
 * The sequencer's second face: a real sequencer under the same key, over a copy of the log that ends at some record,
 * served by the real routes. Colluding cosigners sign for it too.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { memoryStore } from "../../ledger/embedded/_memory-store.ts";
import { cosignedNote } from "../../ledger/embedded/cosigned-note.ts";
import { openReplica } from "../../ledger/embedded/replica.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import type { SequencerApi } from "../../ledger/embedded/sequencer-api.ts";
import type { Ledger } from "../../ledger/port.ts";
import { createHttpApp } from "../http/http-app.ts";
import { createCosignedNotes } from "../peer/cosigned-notes.ts";
import { createLedgerCalls } from "../peer/ledger-calls.ts";
import { replicateLedger } from "../peer/routes/ledger/replicate.ts";
import { createSequencerClient } from "../peer/sequencer-client.ts";
import type { RunningNode } from "../runtime/node.ts";
import type { Answer, Call } from "./_calls.ts";

const POLL_MS = 2_000;
const COSIGN_MS = 20;
const QUORUM_MS = 240_000;

export interface Fork {
  readonly ledger: Ledger;
  /** What this face answers to a call about the ledger. */
  answer(call: Call): Promise<Answer>;
  close(): Promise<void>;
}

/** `size`: how many records both histories share; a group commit of the true one must end there. */
export async function forkedAt(
  size: number,
  about: {
    readonly sequencer: RunningNode;
    /** Reads the true log, and cosigns the false one. */
    readonly colluders: readonly RunningNode[];
    /** How many cosigners a reopened sequencer waits for. */
    readonly speakers: readonly string[];
  },
): Promise<Fork> {
  const { network, identity, log, pinned, members, now } = about.sequencer.services;
  const [reader] = about.colluders;
  const common = { network, identity, now: () => Date.parse(now()) };
  const store = memoryStore();
  await copied();

  const forked = await createSequencer({
    ...common,
    store: store.after(store.batches.length),
    quorumTimeoutMs: QUORUM_MS,
  });
  for (const member of about.speakers) await forked.api.present({ member, checkpoint: undefined });
  const closing = new AbortController();
  const cosigning = Promise.all(about.colluders.map(cosignsFor));

  const app = createHttpApp({ logger: log, maxBodyBytes: () => 1 << 26, requestTimeoutMs: 60_000 });
  app.addHook("onRequest", async (request) => {
    request.author = String(request.headers["x-author"]);
  });
  replicateLedger(app, createLedgerCalls({ sequencer: forked.api, cosignedNotes: createCosignedNotes() }));
  await app.ready();

  async function copied(): Promise<void> {
    const endpoint = about.sequencer.address.peer!;
    const target = async () => ({ ...(await members.target(identity.member)), endpoint });
    // The reader's own replica has the one connection that a member may have.
    const connect = () => Promise.reject(new Error("calls only"));
    const peers = { call: reader!.services.peers.call, connect };
    const honest = createSequencerClient({ peers, sequencer: target });
    const upTo: SequencerApi = {
      ...honest,
      batches: async (query) => (await honest.batches({ ...query, waitMs: 0 })).filter(({ from }) => from < size),
      cosign: async () => undefined,
      present: async () => undefined,
    };
    const key = pinned.sequencer.publicKey;
    const replica = await openReplica({ ...common, store, sequencer: upTo, pinnedSequencerKey: key, pollMs: POLL_MS });
    while ((await replica.status()).height < size) await sleep(20);
    await replica.close();
  }

  async function cosignsFor({ services }: RunningNode): Promise<void> {
    for (; !closing.signal.aborted; await sleep(COSIGN_MS)) {
      const { height: from } = await forked.ledger.status();
      const [staged] = await forked.api.batches({ from, limit: 1, waitMs: 0 }).catch(() => []);
      if (staged === undefined) continue;
      const note = cosignedNote(staged.checkpoint, { ...common, identity: services.identity });
      await forked.api.cosign({ member: services.member, note, waitMs: 0 });
    }
  }

  return Object.freeze({
    ledger: forked.ledger,
    async answer({ from, method, path, body }: Call): Promise<Answer> {
      const reply = await app.inject({
        method: method as "GET" | "POST",
        url: path,
        headers: { "x-author": from, ...(body.length === 0 ? {} : { "content-type": "application/json" }) },
        ...(body.length === 0 ? {} : { payload: body }),
      });
      return { status: reply.statusCode, body: reply.rawPayload };
    },
    async close() {
      closing.abort();
      await forked.ledger.close();
      await cosigning;
      await app.close();
    },
  });
}
