/** The SequencerApi over HTTPS: what a replica uses when the sequencer is another machine. Data nodes only call out. */
import type { Static, TSchema } from "typebox";
import type { LogBatch, SequencerApi, SubmitAnswer } from "../../ledger/embedded/sequencer-api.ts";
import { LEDGER_ERRORS, LedgerError, type SignedTransaction } from "../../ledger/port.ts";
import type { PeerCall, PeerClient } from "./client.ts";
import {
  BatchesReply,
  CheckpointReply,
  ConsistencyReply,
  Done,
  MAX_BATCH_ENTRIES,
  MAX_WAIT_MS,
  SubmitReply,
} from "./ledger-messages.ts";
import type { PeerTarget } from "./member-directory.ts";
import { PeerError } from "./peer-error.ts";

/** Beyond the wait that was asked for: the way there and back, and the quorum's time for a submission. */
const ANSWER_MS = 45_000;

/** `sequencer` is asked before every call, so that a replaced sequencer or a new TLS key counts at once. */
export function createSequencerClient(deps: {
  readonly peers: Pick<PeerClient, "call">;
  readonly sequencer: () => Promise<PeerTarget>;
}): SequencerApi {
  async function call<S extends TSchema>(request: PeerCall<S>, waitMs = 0): Promise<Static<S>> {
    try {
      return await deps.peers.call(await deps.sequencer(), { timeoutMs: waitMs + ANSWER_MS, attempts: 1, ...request });
    } catch (error) {
      throw asLedgerError(error);
    }
  }

  return Object.freeze({
    async submit(transactions: readonly SignedTransaction[]) {
      const { answers } = await call({
        method: "POST",
        path: "/peer/v1/ledger/transactions",
        body: { transactions },
        response: SubmitReply,
      });
      return answers as unknown as readonly SubmitAnswer[];
    },
    async batches({ from, limit, waitMs }: { from: number; limit: number; waitMs: number }) {
      const wait = Math.min(waitMs, MAX_WAIT_MS);
      const query = `from=${from}&limit=${Math.min(limit, MAX_BATCH_ENTRIES)}&waitMs=${wait}`;
      const path = `/peer/v1/ledger/batches?${query}`;
      const { batches } = await call({ method: "GET", path, response: BatchesReply }, wait);
      return batches as unknown as readonly LogBatch[];
    },
    async acknowledged({ size, waitMs }: { size: number; waitMs: number }) {
      const wait = Math.min(waitMs, MAX_WAIT_MS);
      const path = `/peer/v1/ledger/checkpoints/${size}?waitMs=${wait}`;
      return (await call({ method: "GET", path, response: CheckpointReply }, wait)).checkpoint;
    },
    async cosign({ note, waitMs }: { member: string; note: string; waitMs: number }) {
      const wait = Math.min(waitMs, MAX_WAIT_MS);
      const path = "/peer/v1/ledger/cosignatures";
      const request = { method: "POST", path, body: { note, waitMs: wait }, response: CheckpointReply } as const;
      return (await call(request, wait)).checkpoint;
    },
    async present({ checkpoint }: { member: string; checkpoint: string | undefined }) {
      await call({ method: "POST", path: "/peer/v1/ledger/presence", body: { checkpoint }, response: Done });
    },
    async consistencyProof({ from, to }: { from: number; to: number }) {
      const path = `/peer/v1/ledger/consistency?from=${from}&to=${to}`;
      return (await call({ method: "GET", path, response: ConsistencyReply })).proof;
    },
  });
}

function asLedgerError(error: unknown): unknown {
  if (!(error instanceof PeerError)) return error;
  const code = LEDGER_ERRORS.find((known) => known === error.answer?.code) ?? "ERR_LEDGER_UNREACHABLE";
  return new LedgerError(code, `sequencer: ${error.message}`, { cause: error });
}
