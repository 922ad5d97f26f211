/** The coordinator of a computation: relays rounds through its mailbox, closes sets on the ledger, learns no value. */
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import { valuesCut } from "../../crypto/secagg/constants.ts";
import { type CoordinatorState, startCoordinator, stepCoordinator } from "../../crypto/secagg/coordinator.ts";
import { mayBeLost } from "../../crypto/secagg/coordinator-losses.ts";
import { vectorBytes } from "../../crypto/secagg/cut.ts";
import { SecaggError } from "../../crypto/secagg/errors.ts";
import { assertHomomorphicKey } from "../../crypto/secagg/member-setup.ts";
import type { CoordinatorEffect, CoordinatorInput, Send } from "../../crypto/secagg/step.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { record } from "../../exchange/requests/record.ts";
import { layoutWords } from "../../exchange/statistics/layout.ts";
import { LedgerError, type TransactionBody, type TransactionType } from "../../ledger/port.ts";
import type { Context, Transcript } from "./context.ts";
import { recordFault } from "./faults.ts";
import { type HostedRole, hostRole } from "./hosted-role.ts";
import { type KeptChunks, openKeptChunks } from "./kept-chunks.ts";
import { knownRequest } from "./known-request.ts";
import { createMailbox, type Mailbox } from "./mailbox.ts";
import { withoutWords } from "./offered-transcripts.ts";
import { reviewWithLedger } from "./opening-review.ts";
import { Accepted, paths } from "./peer-messages.ts";
import { untilDone } from "./retry.ts";
import { createSealedSums } from "./sealed-sums.ts";

export interface CoordinatorRole extends HostedRole<CoordinatorInput> {
  readonly mailbox: Mailbox;
  /** Chunks of a member's contribution that are here, from the first on. */
  readonly held: (phase: 1 | 2, member: string) => number;
  /** A chunk of the sum of phase 2 under a homomorphic envelope. */
  sumOf(index: number): Promise<Uint8Array>;
  /** What bounds the size of its messages. */
  readonly size: { readonly members: number; readonly words: number; readonly atoms: number };
}

type SubmitEffect = Extract<CoordinatorEffect, { kind: "submit" }>;

const TOO_EARLY_PAUSE_MS = 300;
/** Rounds that go on have their next step sooner; where one waits for a member, a crash loses no more answers than these. */
const QUIET_MS = 250;

/** Undefined when the documents have not come yet, or the opening is not what the documents say: then it is failed. */
export async function runCoordinator(ctx: Context, opened: ComputationOpened): Promise<CoordinatorRole | undefined> {
  const { body } = opened;
  const id = body.computation;
  const dossier = await ctx.stores.documentsToRelay.get(`${id}/${opened.requester}`);
  if (dossier === undefined) return undefined;
  const { documents } = dossier;
  const request = await knownRequest(ctx, body.request, dossier.request);
  const plain = {
    query: documents.query.document,
    layout: documents.layout.document,
    policy: documents.policy.document,
  };
  const review = await reviewWithLedger(ctx, opened, plain, request);
  if (!review.ok) {
    await submit("computation.fail", { computation: id, reason: review.reason });
    return undefined;
  }
  if (!isHomomorphicKey(body, dossier.homomorphicKey)) {
    await submit("computation.fail", { computation: id, reason: "receiver-key" });
    return undefined;
  }
  const parties = await ctx.facts.parties(opened, review.coordinatorMaySequence);
  const kept = await openKeptChunks(ctx.stores.contributions, id);
  const mailbox = createMailbox(toBase64url(ctx.services.random(12)));
  const notes: { -readonly [K in "accepts" | "refusals" | "views1"]: Transcript[K] } = {
    accepts: [],
    refusals: [],
    views1: [],
    ...(await ctx.services.inflight.get<object>(`${id}-notes`)),
  };

  const refusals: string[] = [];

  const relayed = {
    ...documents,
    ...(dossier.homomorphicKey === undefined ? {} : { homomorphicKey: dossier.homomorphicKey }),
  };
  const { role } = await hostRole<CoordinatorState, CoordinatorInput, CoordinatorEffect>(ctx, {
    role: "coordinator",
    computation: id,
    start: () => startCoordinator({ opened: body, parties, layout: review.vector, documents: relayed }),
    step(state, input) {
      const next = stepCoordinator(state, input, {
        now: ctx.clock(),
        sign: ctx.sign,
        random: ctx.services.random,
        kept: (phase, member, index) => kept.read({ phase, member, index }),
        held: kept.held,
      });
      // At once: a later step may ask for the words before they are on disk.
      for (const effect of next.effects) {
        if (effect.kind === "keep") kept.note(effect, effect.words);
      }
      if (input.kind === "message" && input.message.type === "refusal") {
        refusals.push(input.message.refusal.statement.body.reason);
      }
      return next;
    },
    isFirst: (effect) => effect.kind === "keep",
    mayBeLost,
    quietMs: QUIET_MS,
    send,
    async perform(effect, hosted) {
      switch (effect.kind) {
        case "keep":
          return await kept.settle(effect);
        case "submit":
          hosted.background(() => submitUntilDone(named(effect), hosted));
          return;
        case "blame":
          return await recordFault(ctx, id, effect);
        case "wake":
          return hosted.wakeAt(effect.at);
      }
    },
  });

  /** Where members refused, their reason says more than that too few took part. */
  function named(effect: SubmitEffect): SubmitEffect {
    const { reason } = effect.body as { reason?: string };
    const [refusal] = refusals;
    if (effect.type !== "computation.fail" || refusal === undefined || !reason?.startsWith("too-few-")) return effect;
    return { ...effect, body: { ...(effect.body as object), reason: refusal } };
  }

  function send(message: Send, hosted: HostedRole<CoordinatorInput>): void {
    if (message.message.type === "maskset") {
      notes.accepts = message.message.accepts;
      notes.refusals = message.message.refusals;
    }
    if (message.message.type === "views-1") {
      notes.views1 = message.message.views;
      hosted.background(() => ctx.services.inflight.put(`${id}-notes`, notes));
    }
    if (message.message.type !== "result-2") {
      mailbox.post(message.to, message.message);
      return;
    }
    const transcript: Transcript = { result: message.message, ...notes };
    hosted.background(() => deliverTranscript(message.to, transcript, hosted));
  }

  /** C keeps what was signed, for its members to ask, and no words; R recomputes everything from them. */
  async function deliverTranscript(to: string, transcript: Transcript, hosted: HostedRole<CoordinatorInput>) {
    await ctx.stores.transcripts.put(id, withoutWords(transcript));
    const deliver = async () =>
      ctx.services.peers.call(await ctx.services.members.target(to), {
        method: "POST",
        path: paths.transcript(id),
        body: transcript,
        response: Accepted,
        timeoutMs: 120_000,
        signal: hosted.signal,
      });
    await untilDone(deliver, { signal: hosted.signal, isFinal: () => false });
  }

  async function submitUntilDone(effect: SubmitEffect, hosted: HostedRole<CoordinatorInput>): Promise<void> {
    const attempt = () => submit(effect.type, effect.body as never);
    try {
      await untilDone(attempt, { signal: hosted.signal, isFinal: isFinalRejection });
    } catch (error) {
      if (error instanceof LedgerError && error.rejection?.code === "ERR_CONTRACT_TOO_EARLY") {
        hosted.wakeAt(ctx.clock() + TOO_EARLY_PAUSE_MS);
        setTimeout(() => hosted.background(() => submitUntilDone(effect, hosted)), TOO_EARLY_PAUSE_MS).unref();
        return;
      }
      ctx.services.log.warn({ err: error, computation: id, type: effect.type }, "the ledger refused a record");
      const code = error instanceof LedgerError ? error.rejection?.code : undefined;
      if (code === undefined || BENIGN.includes(code) || effect.type === "computation.fail") return;
      await submit("computation.fail", { computation: id, reason: reasonOf(code) }).catch(() => undefined);
    }
  }

  async function submit<T extends TransactionType>(type: T, about: TransactionBody<T>): Promise<void> {
    const phase = (about as { phase?: number }).phase ?? 0;
    await record(ctx.party, type, about, { computation: id, phase });
  }

  const sums = createSealedSums(ctx, body, kept);
  role.signal.addEventListener("abort", () => {
    mailbox.close();
    sums.close();
    role.background(() => forget(ctx, id, kept));
  });
  role.poke({ kind: "resume" });
  const { layout } = review;
  // Phase 1 carries two words per atom.
  const sealed = vectorBytes(valuesCut(body, review.vector, layout.atoms)) / 8;
  const words = Math.ceil(Math.max(layoutWords(layout), sealed, 2 * layout.atoms));
  return Object.freeze({
    ...role,
    mailbox,
    held: kept.held,
    sumOf: sums.of,
    size: { members: body.cohort.length, words, atoms: layout.atoms },
  });
}

function isHomomorphicKey(body: ComputationOpened["body"], key: string | undefined): boolean {
  try {
    assertHomomorphicKey(body, key);
    return true;
  } catch (error) {
    if (error instanceof SecaggError) return false;
    throw error;
  }
}

async function forget(ctx: Context, computation: string, kept: KeptChunks): Promise<void> {
  const state = await ctx.stores.roles.get(`${computation}/coordinator`);
  if (state?.state !== "over") return;
  await Promise.all([ctx.services.inflight.erase(`${computation}-notes`), kept.erase()]);
}

/** Says that the record is there already, or that the computation has ended otherwise. */
const BENIGN: readonly string[] = ["ERR_CONTRACT_STATE", "ERR_CONTRACT_ID_REUSED", "ERR_CONTRACT_EXISTS"];

const isFinalRejection = (error: unknown) => error instanceof LedgerError && error.code === "ERR_LEDGER_REJECTED";
/** A coordinator that comes back after a deadline says what the others would: who asked may ask again at once. */
const reasonOf = (code: string): string =>
  code === "ERR_CONTRACT_TOO_LATE"
    ? "expired"
    : code
        .replace(/^ERR_CONTRACT_/, "")
        .toLowerCase()
        .replaceAll("_", "-");
