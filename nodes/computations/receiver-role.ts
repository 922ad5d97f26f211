/** The receiver of a computation: its per-request key, the recomputed sum, the output rules, the release record. */
import type { Static } from "typebox";
import { readComputation, readComputationStep, readRequest } from "../../chaincode/rules/keys.ts";
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import { parametersNamed } from "../../crypto/he/parameters.ts";
import type { SumPlan } from "../../crypto/secagg/chunk-sum.ts";
import { CHUNK_WORDS } from "../../crypto/secagg/constants.ts";
import {
  createReceiverKey,
  type ReceiverKeyPair,
  type ReceiverState,
  startReceiver,
  stepReceiver,
} from "../../crypto/secagg/receiver.ts";
import type { Decoded, ReceiverEffect, ReceiverInput } from "../../crypto/secagg/step.ts";
import { sha256 } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { type SuiteId, suiteOf } from "../../crypto/suites/suite.ts";
import { checkDocuments, digestOfSalted, salt } from "../../exchange/computations/documents.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import { computationIdOf, type OpenBody } from "../../exchange/computations/opening.ts";
import { codeDomains, codeTables } from "../../exchange/computations/record-relations.ts";
import { isRefused } from "../../exchange/computations/runner.ts";
import { requestDigest } from "../../exchange/requests/agreement-record.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { MAX_RESTARTS } from "../../exchange/requests/life.ts";
import { record } from "../../exchange/requests/record.ts";
import { layoutWords } from "../../exchange/statistics/layout.ts";
import { LedgerError } from "../../ledger/port.ts";
import { createEnvelopeKeys } from "../he/envelope.ts";
import { PEER_BYTES } from "../peer/client.ts";
import { reached } from "../runtime/effects.ts";
import type { Context, Dossier, Transcript } from "./context.ts";
import { recordFault } from "./faults.ts";
import { type HostedRole, hostRole } from "./hosted-role.ts";
import { openOffered } from "./offered-transcripts.ts";
import { reviewWithLedger } from "./opening-review.ts";
import { type ReceiverKeyAnswer as KeyAnswer, paths } from "./peer-messages.ts";
import { redoSum } from "./redo-sum.ts";
import type { ResultRecord } from "./result-record.ts";
import { untilDone } from "./retry.ts";
import { createSealedReading } from "./sealed-reading.ts";

/** From the closing of an incomplete set on; a quarter of what is left until the deadline where that is less. */
const OBJECTION_MS = 10_000;
const ATTEMPTS = Array.from({ length: MAX_RESTARTS + 1 }, (_, attempt) => attempt);
const CHUNK_BYTES = CHUNK_WORDS * 8;
const keyName = (computation: string) => `${computation}-key`;

/**
 * Message 1, R's part: the same key for the same computation, on disk before its signature leaves; another one where the
 * network moved to another suite before the computation was opened.
 */
export async function receiverKeyFor(
  ctx: Context,
  from: string,
  about: { readonly computation: string; readonly request: string; readonly parameters?: string | undefined },
): Promise<ReceiverKeyAnswer> {
  const { inflight, ledger, member, random } = ctx.services;
  const request = await readRequest(ledger, about.request);
  // The requester's replica may be ahead of this one.
  if (request === undefined)
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${about.request}: not on the ledger here yet`);
  if (request.requester !== from || request.receiver !== member) {
    throw new ComputationError("ERR_COMPUTATION_FORBIDDEN", `request ${about.request}: ${from} is not its requester`);
  }
  // One key for each attempt; the id of another request's computation is not to be had.
  if (!ATTEMPTS.some((attempt) => computationIdOf(about.request, attempt) === about.computation)) {
    throw new ComputationError("ERR_COMPUTATION_CONFLICT", `computation ${about.computation}: not of this request`);
  }
  const name = keyName(about.computation);
  // A call that is repeated while the first one is still being answered must not make a second key.
  return await ctx.shared(`receiver-key/${about.computation}`, async () => {
    const kept = await inflight.get<KeptReceiverKey>(name);
    const suite = await ctx.facts.suite();
    const isOpened = (await readComputation(ledger, about.computation)) !== undefined;
    if (kept !== undefined && (isOpened || (isOf(suite, kept) && kept.homomorphic?.parameters === about.parameters))) {
      return answerOf(kept);
    }
    // A requester that came back may be behind the ledger: a key that nothing is sealed for would stay for ever.
    if (isOpened)
      throw new ComputationError("ERR_COMPUTATION_OVER", `computation ${about.computation}: its key is gone`);
    const homomorphic = about.parameters === undefined ? undefined : await createHomomorphicKey(about.parameters);
    const digest = homomorphic === undefined ? {} : { homomorphicKey: digestOfKey(homomorphic.publicKey) };
    const { computation, request } = about;
    const names = { computation, request, receiver: member, suite, ...digest };
    const pair = createReceiverKey(names, { random, sign: ctx.sign });
    const made: KeptReceiverKey = homomorphic === undefined ? pair : { ...pair, homomorphic };
    await inflight.put(name, made);
    return answerOf(made);
  });
}

type ReceiverKeyAnswer = Static<typeof KeyAnswer>;
interface KeptReceiverKey extends ReceiverKeyPair {
  /** base64url. The secret half is gone once its sum is decoded. */
  readonly homomorphic?: { readonly parameters: string; readonly publicKey: string; readonly secretKey?: string };
}

const answerOf = ({ signed, homomorphic }: KeptReceiverKey): ReceiverKeyAnswer => ({
  key: signed as OpenBody["receiverKey"],
  ...(homomorphic === undefined ? {} : { homomorphicKey: homomorphic.publicKey }),
});

async function createHomomorphicKey(parameters: string) {
  const { publicKey, secretKey } = await createEnvelopeKeys(parametersNamed(parameters));
  const kept = { parameters, publicKey: toBase64url(publicKey), secretKey: toBase64url(secretKey) };
  secretKey.fill(0);
  return kept;
}

const digestOfKey = (publicKey: string): string => toBase64url(sha256(fromBase64url(publicKey, "homomorphic key")));

/** By its length: R may sign with a key of the suite before. */
const isOf = (suite: SuiteId, { signed }: ReceiverKeyPair): boolean =>
  fromBase64url(signed.statement.publicKey, "receiver's key").length === suiteOf(suite).agreement.publicKeyBytes;

export interface ReceiverRole extends HostedRole<ReceiverInput> {
  /** What C brought. Throws SecaggError when it is refused. */
  takeTranscript(transcript: Transcript): Promise<void>;
}

/** Undefined when the dossier has not come yet. */
export async function runReceiver(ctx: Context, opened: ComputationOpened): Promise<ReceiverRole | undefined> {
  const { body } = opened;
  const id = body.computation;
  const dossier = await ctx.stores.dossiers.get(`${id}/${opened.requester}`);
  const key = await ctx.services.inflight.get<KeptReceiverKey>(keyName(id));
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
  const kept = await ctx.stores.results.get(id);
  const secretKey = kept === undefined ? key.homomorphic?.secretKey : undefined;
  const reading = createSealedReading(body, secretKey, {
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
          await ctx.services.inflight.erase(keyName(id));
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
    const { outcome, bitmap } = await ctx.judging.judge({
      opened: body,
      layout,
      assets,
      parties,
      decoded,
      dropped: await droppedBetween(ctx, opened, decoded.survivors.length),
      earlier: await ctx.results.told(),
      output,
    });
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
    await forgetHomomorphicKey();
    return result;
  }

  /** It has decrypted its sum. */
  async function forgetHomomorphicKey(): Promise<void> {
    if (key?.homomorphic === undefined) return;
    const { secretKey: _spent, ...homomorphic } = key.homomorphic;
    await ctx.services.inflight.put(keyName(id), { ...key, homomorphic });
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
      await untilDone(() => recordOutcome(ctx, result), { signal: hosted.signal, isFinal });
    } catch (error) {
      ctx.services.log.warn({ err: error, computation: id }, "the ledger refused the outcome");
    }
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

async function recordOutcome(ctx: Context, { computation, request, outcome }: ResultRecord): Promise<void> {
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
      reviewers: [],
      withheldCells: outcome.result.document.withheldCells,
    },
    computation,
  );
}

/** Receives what the requester hands over for a computation it opens. Only the named receiver takes it. */
export async function takeDossier(ctx: Context, from: string, computation: string, dossier: Dossier): Promise<void> {
  const { statement } = dossier.request.document;
  if (statement.requester !== from || statement.receiver !== ctx.services.member) {
    throw new ComputationError("ERR_COMPUTATION_FORBIDDEN", `computation ${computation}: not for this receiver`);
  }
  const opened = await ctx.facts.opened(computation);
  if (opened !== undefined) {
    if (opened.requester !== from || opened.body.receiver !== ctx.services.member) {
      throw new ComputationError("ERR_COMPUTATION_FORBIDDEN", `computation ${computation}: not ${from}'s to hand over`);
    }
    checkDocuments(dossier.documents, opened.body);
  }
  await ctx.unopened.keep("dossier", from, computation, dossier);
}
