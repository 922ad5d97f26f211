/** The sequencer's side of the embedded ledger: order, replicate, cosign. Only the node that sequences has these routes. */

import type { HttpApp } from "../../../http/http-app.ts";
import { problems } from "../../../http/schemas.ts";
import type { LedgerCalls } from "../../ledger-calls.ts";
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
  MAX_CALL_BYTES,
  PresenceBody,
  SubmitBody,
  SubmitReply,
} from "../../ledger-messages.ts";

/** Replication shows every member the same log; writing it down would grow the log it replicates. */
const QUIET = { accessLog: false } as const;
const POLL = { accessLog: false, longPoll: true } as const;

const MAX_NOTE_BYTES = 4 * 1024 * 1024;

export function replicateLedger(app: HttpApp, calls: LedgerCalls): void {
  app.post(
    "/peer/v1/ledger/transactions",
    {
      bodyLimit: MAX_CALL_BYTES,
      schema: { body: SubmitBody, response: { 200: SubmitReply, ...problems } },
      config: POLL,
    },
    async ({ body, author }) => calls.submit(body, author),
  );
  app.get(
    "/peer/v1/ledger/batches",
    { schema: { querystring: BatchesQuery, response: { 200: BatchesReply, ...problems } }, config: POLL },
    async ({ query, author }) => calls.batches(query, author),
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
    async ({ params, query, author }) => calls.acknowledged({ ...params, ...query }, author),
  );
  app.post(
    "/peer/v1/ledger/cosignatures",
    {
      bodyLimit: MAX_NOTE_BYTES,
      schema: { body: CosignatureBody, response: { 200: CheckpointReply, ...problems } },
      config: POLL,
    },
    async ({ body, author }) => calls.cosign(body, author),
  );
  app.post(
    "/peer/v1/ledger/presence",
    { bodyLimit: MAX_NOTE_BYTES, schema: { body: PresenceBody, response: { 200: Done, ...problems } }, config: QUIET },
    async ({ body, author }) => calls.present(body, author),
  );
  app.get(
    "/peer/v1/ledger/consistency",
    { schema: { querystring: ConsistencyQuery, response: { 200: ConsistencyReply, ...problems } }, config: QUIET },
    async ({ query, author }) => calls.consistency(query, author),
  );
}
