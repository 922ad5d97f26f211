/** The receiver of a computation: the recomputed sum, the output rules, the release record. */
import { readComputationStep, readRequest } from "../../chaincode/rules/keys.ts";
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import type { SumPlan } from "../../crypto/secagg/chunk-sum.ts";
import { CHUNK_WORDS } from "../../crypto/secagg/constants.ts";
import { type ReceiverState, startReceiver, stepReceiver } from "../../crypto/secagg/receiver.ts";
import type { Decoded, ReceiverEffect, ReceiverInput } from "../../crypto/secagg/step.ts";
import { checkDocuments, digestOfSalted, salt } from "../../exchange/computations/documents.ts";
import { codeDomains, codeTables } from "../../exchange/computations/record-relations.ts";
import { isRefused } from "../../exchange/computations/runner.ts";
import { requestDigest } from "../../exchange/requests/agreement-record.ts";
import { record } from "../../exchange/requests/record.ts";
import { layoutWords } from "../../exchange/statistics/layout.ts";
import { LedgerError } from "../../ledger/port.ts";
import { PEER_BYTES } from "../peer/client.ts";
import { reached } from "../runtime/effects.ts";
import type { Context, Transcript } from "./context.ts";
import { recordFault } from "./faults.ts";
import { type HostedRole, hostRole } from "./hosted-role.ts";
import type { JudgedInputs } from "./judging.ts";
import { openOffered } from "./offered-transcripts.ts";
import { reviewWithLedger } from "./opening-review.ts";
import { paths } from "./peer-messages.ts";
import { eraseReceiverKeys, forgetHomomorphicKey, openedReceiverKey } from "./receiver-keys.ts";
import { redoSum } from "./redo-sum.ts";
import type { ResultRecord } from "./result-record.ts";
import { untilDone } from "./retry.ts";
import { eraseReviewInputs, keepForReview, reviewed } from "./reviews.ts";
import { createSealedReading } from "./sealed-reading.ts";

/** From the closing of an incomplete set on; a quarter of what is left until the deadline where that is less. */
const OBJECTION_MS = 10_000;
const NOT_APPROVED = { rejected: "review-rejected", expired: "review-expired" } as const;
const CHUNK_BYTES = CHUNK_WORDS * 8;

export interface ReceiverRole extends HostedRole<ReceiverInput> {
  /** What C brought. Throws SecaggError when it is refused. */
  takeTranscript(transcript: Transcript): Promise<void>;
}

/** Undefined when the dossier has not come yet. */
export async function runReceiver(ctx: Context, opened: ComputationOpened): Promise<ReceiverRole | undefined> {
  const { body } = opened;
  const id = body.computation;
  const dossier = await ctx.stores.dossiers.get(`${id}/${opened.requester}`);
  const kept = await ctx.stores.results.get(id);
  const { inflight } = ctx.services;
  // Killed after the result was kept and before the key was gone.
  if (kept !== undefined) await forgetHomomorphicKey(inflight, body);
  const key = await openedReceiverKey(inflight, body);
  if (dossier === undefined || key === undefined) return undefined;
  const documents = checkDocuments(dossier.documents, body);
  const opening = {
    query: documents.query.document,
    layout: documents.layout.document,
    policy: documents.policy.document,
  };
  // What the requester says it asked counts only as the ledger has it, like everyone else's copy.
  const filed = await readRequest(ctx.services.ledger, body.request);
  const review =
    filed?.digest === requestDigest(dossier.request)
      ? await reviewWithLedger(ctx, opened, opening, dossier.request.document.statement)
      : ({ ok: false, reason: "document-malformed" } as const);
  if (!review.ok) {
    await record(
      ctx.party,
      "computation.fail",
      { computation: id, reason: review.reason },
      { computation: id, phase: 0 },
    );
    return undefined;
  }
  const { layout, assets, output } = review;
  const parties = await ctx.facts.parties(opened, review.coordinatorMaySequence);
  ctx.judging.warm();

  const offered = await openOffered(ctx.stores.transcripts, id, ctx.stores.results);
  const reading = createSealedReading(body, key.homomorphic?.secretKey, {
    words: layoutWords(layout),
    pattern: review.vector.components,
  });

  const { role, resumed } = await hostRole<ReceiverState, ReceiverInput, ReceiverEffect>(ctx, {
    role: "receiver",
    computation: id,
    start: () => startReceiver({ opened: body, parties, layout: review.vector, privateKey: key.privateKey }),
    step: (state, input) => stepReceiver(state, input, { now: ctx.clock(), sign: ctx.sign }),
    isFirst: (effect) => effect.kind === "decoded",
    // The transcript is kept by itself and comes again; nothing rests on the sum before it is decoded.
    mayBeLost: (_input, { effects }) => effects.some(({ kind }) => kind === "sum"),
    send: () => undefined,
    async perform(effect, hosted) {
      switch (effect.kind) {
        case "decoded": {
          const result = await ctx.inTurn(() => keptOutcome(effect.result));
          hosted.background(() => announce(result, hosted));
          return;
        }
        case "sum":
          hosted.background(() => sumUp(effect.plan, hosted));
          return;
        case "withhold": {
          const result: ResultRecord = {
            computation: id,
            request: body.request,
            outcome: { kind: "withheld", reasons: [effect.reason] },
          };
          await ctx.results.keep(result);
          hosted.background(() => announce(result, hosted));
          return;
        }
        case "blame":
          return await recordFault(ctx, id, effect);
        case "erase":
          await offered.settled();
          await eraseReceiverKeys(inflight, id);
          if (body.review !== undefined) await eraseReviewInputs(ctx, id);
          return await hosted.finish();
      }
    },
  });

  async function fetched(path: string, signal: AbortSignal): Promise<Uint8Array> {
    const fetch = async () =>
      await ctx.services.peers.call(await ctx.services.members.target(body.coordinator), {
        method: "GET",
        path,
        response: PEER_BYTES,
        maxBytes: CHUNK_BYTES,
        signal,
      });
    return (await untilDone(fetch, { signal, isFinal: () => false })) ?? Promise.reject(signal.reason);
  }

  /** 22: fed back to the role; a chunk that its header does not name ends this transcript, and C is blamed. */
  async function sumUp(plan: SumPlan, hosted: HostedRole<ReceiverInput>): Promise<void> {
    const { signal } = hosted;
    const fetchChunk = (member: string, index: number) => fetched(paths.chunk(id, { phase: 2, member, index }), signal);
    try {
      const fetchSum = (index: number) => fetched(paths.sum(id, index), signal);
      const words = await redoSum(plan, fetchChunk, { fetch: fetchSum, read: reading.read }).finally(reading.close);
      await untilDone(() => hosted.feed({ kind: "summed", words }), { signal, isFinal: isRefused });
    } catch (error) {
      if (!isRefused(error)) throw error;
      await offered.dropped();
      hosted.poke({ kind: "not-summed", reason: error.message });
    }
  }

  /** Checked against what is kept already, and kept before the next one is checked. */
  async function keptOutcome(decoded: Decoded): Promise<ResultRecord> {
    const kept = await ctx.stores.results.get(id);
    if (kept !== undefined) return kept;
    const inputs: JudgedInputs = {
      opened: body,
      layout,
      assets,
      parties,
      decoded,
      dropped: await droppedBetween(ctx, opened, decoded.survivors.length),
      earlier: await ctx.results.told(),
      output,
    };
    const { outcome, bitmap } = await ctx.judging.judge(inputs);
    if (outcome.kind === "released" && body.review !== undefined) await keepForReview(ctx, inputs);
    const result: ResultRecord = {
      computation: id,
      request: body.request,
      transcriptDigest: decoded.transcriptDigest,
      bitmap,
      codes: codeTables(codeDomains(assets)),
      withheldFigures: outcome.withheldFigures,
      outcome:
        outcome.kind === "released"
          ? {
              kind: "released",
              result: { salt: salt(ctx.services.random), document: outcome.document },
              rules: outcome.document.rules,
              equations: outcome.equations,
            }
          : { kind: "withheld", reasons: outcome.reasons, equations: outcome.equations },
    };
    await offered.decoded(decoded.transcriptDigest);
    await ctx.results.keep(result);
    await offered.settled();
    await forgetHomomorphicKey(inflight, body);
    return result;
  }

  /** 23: repeated until the ledger has it; the record's id is a function of the computation. */
  async function announce(result: ResultRecord, hosted: HostedRole<ReceiverInput>): Promise<void> {
    if (result.outcome.kind === "released") {
      const end = await objectionEnd(ctx, opened);
      if (end !== undefined) await reached(ctx.services, end, hosted.signal);
      // Somebody has objected meanwhile: the withholding announces itself.
      if ((await ctx.stores.results.get(id))?.outcome.kind !== "released") return;
    }
    try {
      const decided = await afterReview(result, hosted.signal);
      if (decided === undefined) return;
      const { told, reviewers } = decided;
      await untilDone(() => recordOutcome(ctx, told, reviewers), { signal: hosted.signal, isFinal });
    } catch (error) {
      ctx.services.log.warn({ err: error, computation: id }, "the ledger refused the outcome");
    }
  }

  /** What persons have made of it, where they have to look at it first. */
  async function afterReview(result: ResultRecord, signal: AbortSignal) {
    if (result.outcome.kind === "withheld" || body.review === undefined) return { told: result, reviewers: [] };
    const end = await reviewed(ctx, opened, result, signal);
    const present = end === undefined ? undefined : await ctx.stores.results.get(id);
    // Somebody has objected meanwhile: the withholding announces itself.
    if (end === undefined || present?.outcome.kind !== "released") return undefined;
    if (end.kind === "approved") return { told: present, reviewers: end.reviewers };
    const equations = present.outcome.equations.map((one) => ({ ...one, withheld: true as const }));
    const told: ResultRecord = {
      ...present,
      outcome: { kind: "withheld", reasons: [NOT_APPROVED[end.kind]], equations },
    };
    await ctx.inTurn(() => ctx.results.keep(told));
    return { told, reviewers: [] };
  }

  // An omission in phase 1 is known before the contract takes a withholding: then it is said again later. The record
  // that ends the computation ends this role, and its attempts with it.
  const isFinal = (error: unknown) =>
    error instanceof LedgerError &&
    error.code === "ERR_LEDGER_REJECTED" &&
    error.rejection?.code !== "ERR_CONTRACT_STATE";

  role.signal.addEventListener("abort", () => role.background(reading.close));
  if (kept !== undefined) role.background(() => announce(kept, role));
  if (resumed) role.poke({ kind: "resume" });
  // Once its sum was read it is there for the evidence alone.
  const transcript = kept === undefined ? await ctx.stores.transcripts.get(id) : undefined;
  if (transcript !== undefined) role.poke({ kind: "message", from: body.coordinator, message: transcript.result });
  return Object.freeze({
    ...role,
    takeTranscript: (brought: Transcript) =>
      offered.take(brought, () => role.feed({ kind: "message", from: body.coordinator, message: brought.result })),
  });
}

/**
 * Who contributed to nothing that was closed may hold C's receipt, and its objection has to reach the ledger before the
 * release does. Where the closing set has everyone, nobody can object and nothing is waited for.
 */
async function objectionEnd({ services, clock }: Context, { body }: ComputationOpened): Promise<number | undefined> {
  const step = (name: "maskset" | "close-1" | "close-2") =>
    readComputationStep(services.ledger, body.computation, name);
  const [maskset, close1, close2] = await Promise.all([step("maskset"), step("close-1"), step("close-2")]);
  const able = close1?.members ?? maskset?.members ?? [];
  if (close2 === undefined || close2.members.length >= able.length) return undefined;
  const now = clock();
  return Math.min(Date.parse(close2.time) + OBJECTION_MS, now + (Date.parse(body.deadlines.release) - now) / 4);
}

/** Counted mode: whoever left between the phases may be missing from any cell. */
async function droppedBetween(ctx: Context, { body }: ComputationOpened, survivors: number): Promise<number> {
  if (body.cells.mode === "registry") return 0;
  const closed = await readComputationStep(ctx.services.ledger, body.computation, "close-1");
  return closed === undefined ? body.cohort.length : closed.members.length - survivors;
}

async function recordOutcome(
  ctx: Context,
  { computation, request, outcome }: ResultRecord,
  reviewers: readonly string[],
): Promise<void> {
  if (outcome.kind === "withheld") {
    await record(ctx.party, "result.withhold", { computation, request, reasons: [...outcome.reasons] }, computation);
    return;
  }
  await record(
    ctx.party,
    "result.release",
    {
      computation,
      request,
      resultDigest: digestOfSalted(outcome.result),
      rules: [...outcome.rules],
      reviewers: [...reviewers],
      withheldCells: outcome.result.document.withheldCells,
    },
    computation,
  );
}
