/** The requester's side: open a computation on what was agreed, restart what failed, fetch and check what came out. */
import type { Static } from "typebox";
import { readComputation, readComputationOpened } from "../../chaincode/rules/keys.ts";
import type { Candidate } from "../../exchange/computations/cohort.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import {
  computationIdOf,
  type OpenBody,
  planOpening,
  type StepTimes,
  withReceiverKey,
} from "../../exchange/computations/opening.ts";
import { goneWithout } from "../../exchange/computations/restart.ts";
import { agreementKey } from "../../exchange/requests/agreement-record.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { MAX_RESTARTS, type RequestLife } from "../../exchange/requests/life.ts";
import { record } from "../../exchange/requests/record.ts";
import { onLedger } from "../../exchange/requests/verify-agreement.ts";
import { encodeEvidence } from "../../ledger/audit/build.ts";
import type { EvidenceBundle } from "../../ledger/audit/bundle.ts";
import { verifyEvidence } from "../../ledger/audit/verify.ts";
import { LedgerError } from "../../ledger/port.ts";
import { exportTrust } from "../runtime/network/trust.ts";
import { rememberAnswer } from "./cached-answer.ts";
import { consumerPorts } from "./consumer.ts";
import type { Context, Dossier, OpeningRecord } from "./context.ts";
import { takeDossier } from "./dossiers.ts";
import { assembleEvidence } from "./evidence.ts";
import { Accepted, paths, ReceiverKeyAnswer, SealedResult } from "./peer-messages.ts";
import { assertReceiverKey } from "./receiver-key-check.ts";
import { receiverKeyFor } from "./receiver-keys.ts";
import type { ResultRecord } from "./result-record.ts";
import { createSealingKey } from "./sealing.ts";

/** Reasons after which the same request is opened again by itself. */
const RESTARTED_AFTER: readonly string[] = [
  "too-few-keys",
  "too-few-shares",
  "too-few-masks",
  "too-few-contributions",
  "too-few-fingerprints",
  "reveal-missing",
  "expired",
];

type SubmittedLife = Exclude<RequestLife, { name: "draft" }>;

/** True when a failed request may be opened once more without a person. */
export const isRestartable = (life: RequestLife): boolean =>
  life.name === "failed" && life.failures.length <= MAX_RESTARTS && RESTARTED_AFTER.includes(life.reason);

/**
 * Opens the next computation of a request: plan, receiver's key, documents to C and R, ledger record. Every part can
 * be repeated; the plan is on disk before anyone hears of it. Resolves with the computation's id.
 */
export const openComputation = (ctx: Context, request: string, stepTimes: StepTimes): Promise<string> =>
  // A person and the node itself may ask at the same time: one plan, one set of salts.
  ctx.shared(`open/${request}`, () => openNext(ctx, request, stepTimes));

async function openNext(ctx: Context, request: string, stepTimes: StepTimes): Promise<string> {
  const known = await ctx.stores.lives.get(request);
  if (known === undefined || known.life.name === "draft") {
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${request}: not submitted by this node`);
  }
  const { life } = known;
  if (life.requester !== ctx.services.member) {
    throw new RequestError("ERR_REQUEST_FORBIDDEN", `request ${request}: only its requester opens computations`);
  }
  if (life.name !== "submitted" && life.name !== "agreed" && life.name !== "failed") {
    throw new RequestError("ERR_REQUEST_TRANSITION", `request ${request}: already ${life.name}`);
  }
  const computation = computationIdOf(request, life.failures.length);
  const planned = await openingOf(ctx, life, computation, stepTimes);
  const { body } = planned.plan;
  const dossier = await dossierOf(ctx, planned);
  const { key, homomorphicKey } = await keyOfReceiver(ctx, body);
  await handOver(ctx, body, dossier, homomorphicKey);
  const about = { computation, deadline: body.deadlines.keys };
  await record(ctx.party, "computation.open", withReceiverKey(planned.plan, key), about).catch(async (cause) => {
    const privacy = privacyProblem(cause);
    if (isUsedUp(cause) || privacy !== undefined) await ctx.stores.openings.delete(computation);
    if (privacy !== undefined) {
      throw new ComputationError("ERR_COMPUTATION_NOT_OPENABLE", privacy.detail, { problems: [privacy] });
    }
    unlessTooLate(cause);
  });
  return computation;
}

const isUsedUp = (cause: unknown): boolean =>
  cause instanceof LedgerError && cause.rejection?.code === "ERR_CONTRACT_AGREEMENT_USED_UP";

/** Others have spent the budget meanwhile, or a new policy wants no noise of an asset that has one: nothing to wait for. */
function privacyProblem(cause: unknown) {
  const rejection = cause instanceof LedgerError ? cause.rejection : undefined;
  const about = { field: rejection?.field ?? "cohort", detail: cause instanceof Error ? cause.message : "" };
  if (rejection?.code === "ERR_CONTRACT_PRIVACY_SPENT") return { ...about, code: "privacy-budget-spent" };
  return rejection?.code === "ERR_CONTRACT_PRIVACY" ? { ...about, code: "privacy-account" } : undefined;
}

/** The ledger was away for longer than the first step may take, or others took the last uses: the next try plans anew. */
function unlessTooLate(cause: unknown): never {
  if (isUsedUp(cause)) {
    throw new RequestError("ERR_REQUEST_UNREACHABLE", "computation: the last use of an asset was taken meanwhile", {
      cause,
    });
  }
  if (!(cause instanceof LedgerError) || cause.rejection?.field !== "deadlines.keys") throw cause;
  throw new RequestError("ERR_REQUEST_UNREACHABLE", `computation: recorded too late; ${cause.message}`, { cause });
}

/** A plan whose first deadline is still ahead is used again; otherwise it is made anew under the same id. */
async function openingOf(
  ctx: Context,
  life: SubmittedLife,
  computation: string,
  stepTimes: StepTimes,
): Promise<OpeningRecord> {
  const kept = await ctx.stores.openings.get(computation);
  if (kept !== undefined && Date.parse(kept.plan.body.deadlines.keys) > ctx.clock()) return kept;
  const document = await ctx.stores.documents.get(life.id);
  if (document === undefined) throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${life.id}: has no document here`);
  const { statement } = document.document;
  if (statement.encryptedQuery !== undefined || statement.join !== undefined) {
    const asks = statement.join === undefined ? "encrypted queries" : "a join";
    throw new RequestError("ERR_REQUEST_TRANSITION", `request ${life.id}: asks ${asks}, not for a computation`);
  }
  const sequencer = await ctx.facts.sequencer();
  const plan = planOpening({
    computation,
    ...(life.name === "failed" ? { restartOf: life.computation } : {}),
    request: statement,
    candidates: await candidatesOf(ctx, life),
    excludedGroups: await ctx.facts.excludedGroups([
      statement.coordinator,
      statement.receiver,
      statement.requester,
      sequencer,
    ]),
    sequencer,
    suite: await ctx.facts.suite(),
    attributes: await ctx.facts.attributes(),
    stepTimes,
    now: ctx.clock(),
    random: ctx.services.random,
  });
  const opening: OpeningRecord = { request: life.id, plan };
  await ctx.stores.openings.put(computation, opening);
  return opening;
}

/** Everyone whose agreement stands, by the ledger, without those that held up an earlier computation of the request. */
async function candidatesOf(ctx: Context, life: SubmittedLife): Promise<readonly Candidate[]> {
  const candidates: Candidate[] = [];
  const ended = await Promise.all(life.failures.map((one) => readComputation(ctx.services.ledger, one.computation)));
  const [first] = life.failures;
  const opened = first && (await readComputationOpened(ctx.services.ledger, first.computation));
  const gone = goneWithout(
    opened?.body.cohort.length ?? 0,
    ended.map((computation) => computation?.failure ?? {}),
  );
  for (const asset of Object.keys(life.assets)) {
    const agreed = await ctx.stores.agreements.get(agreementKey(life.id, asset));
    if (agreed === undefined || !(await ctx.facts.agreementStands(agreed.agreement, ctx.services.now()))) continue;
    // The contract opens nothing on a withdrawn asset: the others go on without it.
    if ((await ctx.facts.asset(asset))?.withdrawn !== false) continue;
    // A provider may have recorded something else than what it had verified.
    if ((await onLedger(consumerPorts(ctx), agreed)) !== "the-same") continue;
    const member = await ctx.facts.member(agreed.terms.asset.provider);
    if (member === undefined || gone.has(member.id)) continue;
    candidates.push({
      member: member.id,
      holdingGroup: member.holdingGroup,
      active: member.active,
      usesLeft: !(await ctx.facts.isUsedUp(agreed.agreement)),
      asset: agreed.terms.asset,
      policy: agreed.terms.policy,
      agreement: agreed.agreement,
    });
  }
  return candidates;
}

async function dossierOf(ctx: Context, { plan, request }: OpeningRecord): Promise<Dossier> {
  const document = await ctx.stores.documents.get(request);
  const terms = await Promise.all(
    plan.body.cohort.map(async ({ asset }) => (await ctx.stores.agreements.get(agreementKey(request, asset)))?.terms),
  );
  const present = terms.filter((one) => one !== undefined);
  if (document === undefined || present.length !== terms.length) {
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${request}: its documents are not all here`);
  }
  return { documents: plan.documents, request: document, terms: present };
}

async function keyOfReceiver(
  ctx: Context,
  body: Omit<OpenBody, "receiverKey">,
): Promise<Static<typeof ReceiverKeyAnswer>> {
  const parameters = body.envelope === undefined ? {} : { parameters: body.envelope.parameters };
  const about = { computation: body.computation, request: body.request, ...parameters };
  if (body.receiver === ctx.services.member) return await receiverKeyFor(ctx, body.receiver, about);
  const answer = await ctx.services.peers.call(await ctx.services.members.target(body.receiver), {
    method: "POST",
    path: paths.receiverKey(body.computation),
    body: { request: body.request, ...parameters },
    response: ReceiverKeyAnswer,
    attempts: 3,
  });
  assertReceiverKey(body, answer, await ctx.facts.publicKey(body.receiver, answer.key.key));
  return answer;
}

async function handOver(
  ctx: Context,
  body: Omit<OpenBody, "receiverKey">,
  dossier: Dossier,
  homomorphicKey: string | undefined,
): Promise<void> {
  const { members, peers, member } = ctx.services;
  const post = async (to: string, path: string, value: unknown) =>
    peers.call(await members.target(to), { method: "POST", path, body: value, response: Accepted, attempts: 3 });
  await Promise.all([
    post(body.coordinator, paths.documents(body.computation), {
      documents: dossier.documents,
      request: dossier.request,
      ...(homomorphicKey === undefined ? {} : { homomorphicKey }),
    }),
    body.receiver === member
      ? takeDossier(ctx, member, body.computation, dossier)
      : post(body.receiver, paths.dossier(body.computation), dossier),
  ]);
}

/** The plan of a running computation is handed over again after a restart: C or R may have lost nothing, or all. */
export async function resumeOpening(ctx: Context, computation: string): Promise<void> {
  const opening = await ctx.stores.openings.get(computation);
  const state = await readComputation(ctx.services.ledger, computation);
  if (opening === undefined || state?.state !== "opened") return;
  const { homomorphicKey } =
    opening.plan.body.envelope === undefined ? {} : await keyOfReceiver(ctx, opening.plan.body);
  await handOver(ctx, opening.plan.body, await dossierOf(ctx, opening), homomorphicKey);
}

/** What R hands out: result, salt and evidence, checked before anybody sees it. */
interface Delivered {
  readonly record: ResultRecord;
  readonly evidence: EvidenceBundle;
}

/** Fetches the outcome from R, checks the evidence against this node's own trust, and keeps both. */
export const fetchResult = (ctx: Context, computation: string): Promise<Delivered> =>
  ctx.shared(`result/${computation}`, async () => {
    const kept = await keptResult(ctx, computation);
    return kept ?? (await deliveredResult(ctx, computation));
  });

async function keptResult(ctx: Context, computation: string): Promise<Delivered | undefined> {
  const record = await ctx.stores.results.get(computation);
  const evidence = record === undefined ? undefined : await ctx.stores.evidence.get(computation);
  return record === undefined || evidence === undefined ? undefined : { record, evidence };
}

async function deliveredResult(ctx: Context, computation: string): Promise<Delivered> {
  const opened = await ctx.facts.opened(computation);
  if (opened === undefined)
    throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${computation}: unknown`);
  const { receiver } = opened.body;
  const own = receiver === ctx.services.member ? await ownResult(ctx, computation) : undefined;
  const evidence = own?.evidence ?? (await fetchSealed(ctx, receiver, computation));
  const report = verifyEvidence(evidence, await exportTrust(ctx.services));
  if (report.verdict !== "verified") {
    const failed = report.checks.filter((check) => check.status === "failed").map((check) => check.id);
    throw new ComputationError(
      "ERR_COMPUTATION_EVIDENCE",
      `computation ${computation}: the evidence of ${receiver} does not hold: ${failed.join(", ") || report.verdict}`,
    );
  }
  // True evidence of something else is not what was asked for.
  if (report.computation !== computation || report.request !== opened.body.request) {
    throw new ComputationError(
      "ERR_COMPUTATION_EVIDENCE",
      `computation ${computation}: ${receiver} answered with the evidence of ${report.computation}`,
    );
  }
  const delivered = own ?? deliveryOf(evidence as EvidenceBundle);
  await Promise.all([
    ctx.stores.results.put(computation, delivered.record),
    ctx.stores.evidence.put(computation, delivered.evidence),
  ]);
  await rememberAnswer(ctx, opened.body.request);
  return delivered;
}

/** Resolves with what R sealed, unchecked. */
async function fetchSealed(ctx: Context, receiver: string, computation: string): Promise<unknown> {
  const key = await createSealingKey(await ctx.facts.suite(), ctx.services.random);
  const { sealed } = await ctx.services.peers.call(await ctx.services.members.target(receiver), {
    method: "POST",
    path: paths.result(computation),
    body: { suite: key.suite, publicKey: key.publicKey },
    response: SealedResult,
    maxBytes: 400 * 1024 * 1024,
    timeoutMs: 120_000,
    attempts: 3,
  });
  try {
    return await key.open(sealed);
  } catch (cause) {
    const message = `computation ${computation}: the answer of ${receiver} does not open`;
    throw new ComputationError("ERR_COMPUTATION_EVIDENCE", message, { cause });
  }
}

function deliveryOf(evidence: EvidenceBundle): Delivered {
  const { computation, request, outcome } = evidence.body;
  return {
    evidence,
    record: {
      computation,
      request,
      outcome:
        outcome.kind === "released"
          ? {
              kind: "released",
              result: outcome.result,
              rules: outcome.record.transaction.statement.body.rules,
              equations: [],
            }
          : { kind: "withheld", reasons: outcome.record.transaction.statement.body.reasons },
    },
  };
}

/** R's answer to the requester: the evidence, which holds the released document. */
export const ownResult = (ctx: Context, computation: string): Promise<Delivered> =>
  ctx.shared(`own-result/${computation}`, async () => {
    const kept = await keptResult(ctx, computation);
    if (kept !== undefined) return kept;
    const record = await ctx.stores.results.get(computation);
    if (record === undefined) {
      throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${computation}: no result here`);
    }
    return { record, evidence: await assembleEvidence(ctx, record) };
  });

/** 23 never came: the release deadline has passed, so the requester ends what is still running. */
export async function failExpired(ctx: Context, computation: string): Promise<void> {
  try {
    await record(ctx.party, "computation.fail", { computation, reason: "release-deadline" }, { computation, phase: 0 });
  } catch (error) {
    if (!(error instanceof LedgerError) || error.code !== "ERR_LEDGER_REJECTED") throw error;
  }
}

export const evidenceText = (bundle: EvidenceBundle): string => encodeEvidence(bundle);
