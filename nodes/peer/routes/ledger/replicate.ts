/** The sequencer's side of the embedded ledger: order, replicate, cosign. Only the node that sequences has these routes. */

import type { SequencerApi } from "../../../../ledger/embedded/sequencer-api.ts";
import type { SignedTransaction } from "../../../../ledger/port.ts";
import type { HttpApp } from "../../../http/http-app.ts";
import { problems } from "../../../http/schemas.ts";
import type { CosignedNotes } from "../../cosigned-notes.ts";
import {
  BatchesQuery,
  BatchesReply,
  CheckpointParameters,
  CheckpointQuery,
  CheckpointReply,
  ConsistencyQuery,
  ConsistencyReply,
  CosignatureBody,
  Done,
  PresenceBody,
  SubmitBody,
  SubmitReply,
} from "../../ledger-messages.ts";

/** Replication shows every member the same log; writing it down would grow the log it replicates. */
const QUIET = { accessLog: false } as const;
const POLL = { accessLog: false, longPoll: true } as const;
const done = { done: true } as const;

/** A replica sends group commits of 4 Mi characters and one transaction more: at most three bytes each. */
const MAX_SUBMIT_BYTES = 16 * 1024 * 1024;
const MAX_NOTE_BYTES = 4 * 1024 * 1024;

export function replicateLedger(
  app: HttpApp,
  deps: { readonly sequencer: SequencerApi; readonly cosignedNotes: CosignedNotes },
): void {
  const { sequencer } = deps;
  app.post(
    "/peer/v1/ledger/transactions",
    {
      bodyLimit: MAX_SUBMIT_BYTES,
      schema: { body: SubmitBody, response: { 200: SubmitReply, ...problems } },
      config: POLL,
    },
    async (request) => {
      const transactions = request.body.transactions as unknown as readonly SignedTransaction[];
      return { answers: (await sequencer.submit(transactions, request.author)) as never };
    },
  );
  app.get(
    "/peer/v1/ledger/batches",
    { schema: { querystring: BatchesQuery, response: { 200: BatchesReply, ...problems } }, config: POLL },
    async (request) => ({ batches: (await sequencer.batches(request.query)) as never }),
  );
  app.get(
    "/peer/v1/ledger/checkpoints/:size",
    {
      schema: {
        params: CheckpointParameters,
        querystring: CheckpointQuery,
        response: { 200: CheckpointReply, ...problems },
      },
      config: POLL,
    },
    async (request) => {
      const { waitMs } = request.query;
      const checkpoint = await sequencer.acknowledged({ size: request.params.size, waitMs });
      return checkpoint === undefined ? {} : { checkpoint };
    },
  );
  app.post(
    "/peer/v1/ledger/cosignatures",
    {
      bodyLimit: MAX_NOTE_BYTES,
      schema: { body: CosignatureBody, response: { 200: CheckpointReply, ...problems } },
      config: POLL,
    },
    async (request) => {
      const { author: member, body } = request;
      const acknowledged = sequencer.cosign({ member, ...body });
      deps.cosignedNotes.keep(member, body.note);
      const checkpoint = await acknowledged;
      return checkpoint === undefined ? {} : { checkpoint };
    },
  );
  app.post(
    "/peer/v1/ledger/presence",
    { bodyLimit: MAX_NOTE_BYTES, schema: { body: PresenceBody, response: { 200: Done, ...problems } }, config: QUIET },
    async (request) => {
      await sequencer.present({ member: request.author, checkpoint: request.body.checkpoint });
      return done;
    },
  );
  app.get(
    "/peer/v1/ledger/consistency",
    { schema: { querystring: ConsistencyQuery, response: { 200: ConsistencyReply, ...problems } }, config: QUIET },
    async (request) => ({ proof: [...(await sequencer.consistencyProof(request.query))] }),
  );
}
