/**
 * Review of results before they leave (R): the decoded result waits here, on disk, until persons have said what becomes
 * of it. Drafts and reasons never leave this node; the ledger has each word, with digests.
 */
import { readComputation, readReview } from "../../chaincode/rules/keys.ts";
import type { ComputationOpened, ReviewState } from "../../chaincode/rules/records.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { digestOfSalted, salt } from "../../exchange/computations/documents.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import { record } from "../../exchange/requests/record.ts";
import type { ResultDocument } from "../../ledger/audit/result.ts";
import { LedgerError } from "../../ledger/port.ts";
import type { Context } from "./context.ts";
import type { JudgedInputs } from "./judging.ts";
import type { ResultRecord } from "./result-record.ts";
import { untilDone } from "./retry.ts";
import type { Draft, FigureName, KeptReview, SaidWord, Word } from "./review-record.ts";

export type ReviewEnd =
  | { readonly kind: "approved"; readonly reviewers: readonly string[] }
  | { readonly kind: "rejected" | "expired" };

/** What R needs to judge the same sums again, as long as the review lasts. */
interface KeptInputs {
  readonly inputs: Omit<JudgedInputs, "earlier">;
  readonly words: string;
}

const HOUR_MS = 3_600_000;
const LONGEST_WAIT_MS = 60_000;
const MAX_REASON = 2_000;
const inputsName = (computation: string) => `${computation}-review`;
const bell = (computation: string) => `review/${computation}`;
const isRejected = (error: unknown): boolean => error instanceof LedgerError && error.code === "ERR_LEDGER_REJECTED";

export async function keepForReview(ctx: Context, { earlier: _, ...inputs }: JudgedInputs): Promise<void> {
  const { words, ...decoded } = inputs.decoded;
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const { attributes } = inputs.parties;
  const kept = { ...inputs, parties: { attributes }, decoded } as unknown as KeptInputs["inputs"];
  await ctx.services.inflight.put(inputsName(decoded.computation), { inputs: kept, words: toBase64url(bytes) });
}

export const eraseReviewInputs = (ctx: Context, computation: string): Promise<void> =>
  ctx.services.inflight.erase(inputsName(computation));

/** Resolves once persons have decided or their time is over; undefined: this node stops, and asks again at its next start. */
export async function reviewed(
  ctx: Context,
  { body, requester }: ComputationOpened,
  result: ResultRecord,
  signal: AbortSignal,
): Promise<ReviewEnd | undefined> {
  const { computation, request, review } = body;
  let kept = await ctx.stores.reviews.get(computation);
  if (kept === undefined) {
    const until = Date.parse(body.deadlines.contribution2) + review!.hours * HOUR_MS;
    kept = {
      computation,
      request,
      requester,
      persons: review!.persons,
      since: ctx.services.now(),
      until: new Date(until).toISOString(),
      first: draftOf(result),
      words: [],
    };
    await ctx.stores.reviews.put(computation, kept);
  }
  const { first, until } = kept;
  const open = () => record(ctx.party, "review.open", { computation, request, ...first }, computation);
  await untilDone(open, { signal, isFinal: isRejected });
  const callOff = ctx.services.alarm(Date.parse(until), () => ctx.moved.ring(bell(computation)));
  signal.addEventListener("abort", callOff, { once: true });
  while (!signal.aborted) {
    const heard = ctx.moved.wait(bell(computation), LONGEST_WAIT_MS);
    // A word that the ledger refuses was said by somebody who is told so.
    await untilDone(() => sendPending(ctx, computation), { signal, isFinal: isRejected }).catch(() => undefined);
    const state = await readReview(ctx.services.ledger, computation);
    if (state?.rejectedBy !== undefined) return { kind: "rejected" };
    if (state !== undefined && state.approvals.length >= state.persons) {
      return { kind: "approved", reviewers: state.approvals };
    }
    if (ctx.clock() >= Date.parse(until)) return { kind: "expired" };
    if (ctx.moved.isClosed()) return undefined;
    await heard;
  }
  return undefined;
}

/**
 * A person's word. On the ledger when it resolves; once it is on disk it goes there whatever happens to this node.
 * Throws ComputationError: ERR_COMPUTATION_UNKNOWN, _OVER, _CONFLICT, _REVIEW_SPOKEN, _REVIEW_FIGURES, _REVIEW_ALONE.
 */
export async function say(
  ctx: Context,
  computation: string,
  spoken: {
    readonly word: Word;
    readonly by: string;
    readonly reason: string;
    readonly withhold: readonly FigureName[];
  },
): Promise<void> {
  await ctx.inTurn(async () => {
    const { kept, state } = await openReview(ctx, computation);
    if (state.approvals.includes(spoken.by)) {
      throw new ComputationError(
        "ERR_COMPUTATION_REVIEW_SPOKEN",
        `computation ${computation}: ${spoken.by} has spoken on this draft`,
      );
    }
    if (kept.pending !== undefined) {
      throw new ComputationError(
        "ERR_COMPUTATION_CONFLICT",
        `computation ${computation}: another word is on its way; look again`,
      );
    }
    const { word, by: reviewer, withhold } = spoken;
    const reason = { salt: salt(ctx.services.random), document: { reason: spoken.reason.slice(0, MAX_REASON) } };
    const common = { reviewer, word, reason, withhold, draft: state.draft, at: ctx.services.now() };
    const result = word === "restrict" ? await restricted(ctx, computation, withhold) : undefined;
    const said: SaidWord = result === undefined ? common : { ...common, next: draftOf(result) };
    const pending = result === undefined ? { said } : { said, result };
    await ctx.stores.reviews.put(computation, { ...kept, pending });
  });
  await sendPending(ctx, computation);
}

/** The review, while persons may speak in it. */
async function openReview(
  ctx: Context,
  computation: string,
): Promise<{ readonly kept: KeptReview; readonly state: ReviewState }> {
  const kept = await ctx.stores.reviews.get(computation);
  if (kept === undefined) {
    throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `computation ${computation}: no review of it here`);
  }
  const { ledger } = ctx.services;
  const [state, at] = await Promise.all([readReview(ledger, computation), readComputation(ledger, computation)]);
  if (state === undefined) throw conflict(computation, "its review is not on the ledger yet; try again");
  const isOver =
    state.rejectedBy !== undefined ||
    state.approvals.length >= state.persons ||
    at?.state !== "closed2" ||
    ctx.clock() >= Date.parse(kept.until);
  if (!isOver) return { kept, state };
  throw new ComputationError("ERR_COMPUTATION_OVER", `computation ${computation}: its review is over`);
}

const sendPending = (ctx: Context, computation: string): Promise<void> =>
  ctx.shared(`review/${computation}`, async () => {
    const kept = await ctx.stores.reviews.get(computation);
    if (kept?.pending === undefined) return;
    const { pending, ...rest } = kept;
    const { said, result } = pending;
    const { reviewer, word, draft, next } = said;
    const { request } = kept;
    const reason = digestOfSalted(said.reason);
    const body = { computation, request, draft, reviewer, word, reason, ...(next === undefined ? {} : { next }) };
    try {
      await record(ctx.party, "review.say", body, { computation, word: kept.words.length });
    } catch (error) {
      if (isRejected(error)) await ctx.stores.reviews.put(computation, rest);
      throw error;
    }
    if (result !== undefined) await ctx.results.keep(result);
    await ctx.stores.reviews.put(computation, { ...rest, words: [...rest.words, said] });
    ctx.moved.ring(bell(computation));
  });

/** The present draft with more figures withheld, and whatever would give them away. */
async function restricted(ctx: Context, computation: string, withhold: readonly FigureName[]): Promise<ResultRecord> {
  const present = await ctx.stores.results.get(computation);
  const kept = await ctx.services.inflight.get<KeptInputs>(inputsName(computation));
  if (present?.outcome.kind !== "released" || kept === undefined) {
    throw new ComputationError("ERR_COMPUTATION_OVER", `computation ${computation}: its sums are not here any more`);
  }
  const before = present.outcome.result.document;
  const shown = new Set(before.cells.filter(({ withheld }) => withheld === undefined).map(nameOf));
  const stray = withhold.filter((one) => !shown.has(nameOf(one)));
  if (stray.length > 0) throw notShown(computation, stray, before);
  const hidden = before.cells.filter(({ withheld }) => withheld !== undefined);
  const bytes = fromBase64url(kept.words, "words");
  const words = new BigUint64Array(new Uint8Array(bytes).buffer);
  const { outcome, bitmap } = await ctx.judging.judge({
    ...kept.inputs,
    decoded: { ...kept.inputs.decoded, words },
    earlier: await ctx.results.toldBut(computation),
    alsoWithheld: [...hidden, ...withhold].map(({ group, measure }) => ({ group, measure })),
  });
  if (outcome.kind === "withheld") throw notAlone(computation, "nothing would be left of it");
  const { document } = outcome;
  if (!isStricter(before, document)) throw notAlone(computation, "another figure would change, or none be withheld");
  return {
    ...present,
    bitmap,
    withheldFigures: outcome.withheldFigures,
    outcome: {
      kind: "released",
      result: { salt: salt(ctx.services.random), document },
      rules: document.rules,
      equations: outcome.equations,
    },
  };
}

/** Every figure as before, or withheld, and more of them withheld. */
function isStricter(before: ResultDocument, after: ResultDocument): boolean {
  const known = new Map(before.cells.map((cell) => [partOf(cell), canonicalJson(cell)]));
  const same = after.cells.every(
    (cell) => cell.withheld !== undefined || known.get(partOf(cell)) === canonicalJson(cell),
  );
  return same && after.cells.length === before.cells.length && after.withheldCells > before.withheldCells;
}

const conflict = (computation: string, detail: string) =>
  new ComputationError("ERR_COMPUTATION_CONFLICT", `computation ${computation}: ${detail}`);
const notAlone = (computation: string, detail: string) =>
  new ComputationError("ERR_COMPUTATION_REVIEW_ALONE", `computation ${computation}: ${detail}`);

const SHOWN_NAMES = 5;

function notShown(computation: string, stray: readonly FigureName[], { cells }: ResultDocument): ComputationError {
  const names = cells.flatMap((cell) => (cell.withheld === undefined ? [written(cell)] : []));
  const known = [...new Set(names)].slice(0, SHOWN_NAMES).join("; ");
  const problems = stray.map((one) => ({
    field: "withhold",
    code: "review-figure-not-shown",
    parameters: { got: written(one), known: known || "–" },
  }));
  const detail = `computation ${computation}: ${problems.length} figures are not shown`;
  return new ComputationError("ERR_COMPUTATION_REVIEW_FIGURES", detail, { problems });
}

/** As a person names it: `measure@dimension=code,dimension=code`. */
function written({ measure, group }: FigureName): string {
  const places = Object.entries(group).map(([dimension, code]) => `${dimension}=${code}`);
  return places.length === 0 ? measure : `${measure}@${places.join(",")}`;
}

const nameOf = ({ group, measure }: FigureName): string => canonicalJson({ group, measure });
const partOf = (cell: ResultDocument["cells"][number]): string =>
  canonicalJson({ group: cell.group, measure: cell.measure, part: cell.part ?? null });

function draftOf({ computation, outcome }: ResultRecord): Draft {
  if (outcome.kind !== "released") throw conflict(computation, "nothing of it is to be released");
  return { draft: digestOfSalted(outcome.result), withheldCells: outcome.result.document.withheldCells };
}
