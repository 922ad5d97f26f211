/**
 * Review of a result before it leaves its receiver, where the opening wants it: each word of a person stands here, about
 * one draft by its digest. Persons are the receiver's own people, and it is of another holding group than the requester.
 */
import { demand, found } from "./errors.ts";
import type { Host } from "./host.ts";
import { keys, readComputation, readComputationOpened, readReview } from "./keys.ts";
import type { ComputationOpened, ReviewState } from "./records.ts";
import { type Author, activeMember, millisOf, type Rule, written } from "./rule.ts";
import type { TransactionBody } from "./transactions.ts";

/** Each restriction withholds at least one figure more; this bounds what one key holds. */
const MAX_WORDS = 64;

export const openReview: Rule<"review.open"> = async (host, author, body) => {
  const opened = await reviewable(host, author, body);
  const before = await readReview(host.store, body.computation);
  demand(before === undefined, "ERR_CONTRACT_EXISTS", "computation: its review is open", "computation");
  const { draft, withheldCells } = body;
  const { persons } = opened.body.review!;
  const review: ReviewState = { draft, withheldCells, persons, approvals: [], words: [], ...written(host) };
  await host.store.put(keys.review(body.computation), review);
};

export const sayInReview: Rule<"review.say"> = async (host, author, body) => {
  await reviewable(host, author, body);
  const review = found(await readReview(host.store, body.computation), "review", "computation");
  demand(!isOver(review), "ERR_CONTRACT_STATE", "computation: its review is over", "computation");
  demand(body.draft === review.draft, "ERR_CONTRACT_MISMATCH", `draft: the present one is ${review.draft}`, "draft");
  demand(
    body.reviewer.startsWith(`${author.id}/`) && body.reviewer.length > author.id.length + 1,
    "ERR_CONTRACT_REVIEWER",
    `reviewer: expected a person of ${author.id}, got ${body.reviewer}`,
    "reviewer",
  );
  demand(
    !review.approvals.includes(body.reviewer),
    "ERR_CONTRACT_EXISTS",
    `reviewer: ${body.reviewer} has spoken on this draft`,
    "reviewer",
  );
  demand(
    review.words.length < MAX_WORDS,
    "ERR_CONTRACT_RANGE",
    `computation: at most ${MAX_WORDS} words`,
    "computation",
  );
  const next = nextDraft(review, body);
  const { reviewer, word, draft, reason } = body;
  const said = { reviewer, word, draft, reason, ...(body.next === undefined ? {} : { next: body.next }) };
  const approvals = { approve: [...review.approvals, reviewer], restrict: [reviewer], reject: review.approvals }[word];
  const { position, time } = review;
  const after: ReviewState = {
    ...next,
    persons: review.persons,
    approvals,
    words: [...review.words, { ...said, ...written(host) }],
    ...(word === "reject" ? { rejectedBy: reviewer } : {}),
    position,
    time,
  };
  await host.store.put(keys.review(body.computation), after);
};

/** What a release must be where the opening wants a review: the draft that enough persons have approved. */
export async function demandReviewed(
  host: Host,
  opened: ComputationOpened,
  result: TransactionBody<"result.release">,
): Promise<void> {
  if (opened.body.review === undefined) return;
  const review = await readReview(host.store, result.computation);
  demand(
    review !== undefined && review.rejectedBy === undefined && isOver(review),
    "ERR_CONTRACT_REVIEW",
    `computation: ${opened.body.review.persons} persons have to approve the result first`,
    "computation",
  );
  const isDraft = result.resultDigest === review.draft && result.withheldCells === review.withheldCells;
  demand(isDraft, "ERR_CONTRACT_MISMATCH", `resultDigest: approved is ${review.draft}`, "resultDigest");
  demand(
    result.reviewers.join("\n") === review.approvals.join("\n"),
    "ERR_CONTRACT_REVIEWER",
    `reviewers: approved by ${review.approvals.join(", ")}`,
    "reviewers",
  );
}

const isOver = ({ approvals, persons, rejectedBy }: ReviewState): boolean =>
  rejectedBy !== undefined || approvals.length >= persons;

/** Only stricter: the ledger sees how many figures are withheld, the evidence which. */
function nextDraft(
  { draft, withheldCells }: ReviewState,
  { word, next }: TransactionBody<"review.say">,
): Pick<ReviewState, "draft" | "withheldCells"> {
  demand((next !== undefined) === (word === "restrict"), "ERR_CONTRACT_REVIEW", "next: for restrict alone", "next");
  if (next === undefined) return { draft, withheldCells };
  demand(
    next.withheldCells > withheldCells && next.draft !== draft,
    "ERR_CONTRACT_REVIEW",
    `next.withheldCells: expected more than ${withheldCells}, got ${next.withheldCells}`,
    "next.withheldCells",
  );
  return next;
}

async function reviewable(
  host: Host,
  author: Author,
  { computation: id, request }: { readonly computation: string; readonly request: string },
): Promise<ComputationOpened> {
  const computation = found(await readComputation(host.store, id), "computation", "computation");
  demand(
    author.id === computation.receiver,
    "ERR_CONTRACT_NOT_PERMITTED",
    `computation: only its receiver ${computation.receiver} may do this`,
    "computation",
  );
  demand(request === computation.request, "ERR_CONTRACT_MISMATCH", "request: not the computation's", "request");
  demand(
    computation.state === "closed2",
    "ERR_CONTRACT_STATE",
    `computation: there is nothing to review in state ${computation.state}`,
    "computation",
  );
  const opened = found(await readComputationOpened(host.store, id), "computation", "computation");
  demand(
    opened.body.review !== undefined,
    "ERR_CONTRACT_REVIEW",
    "computation: no policy wants a review",
    "computation",
  );
  const { release } = opened.body.deadlines;
  demand(
    millisOf(host.time, "time") < millisOf(release, "deadlines.release"),
    "ERR_CONTRACT_TOO_LATE",
    `computation: the deadline release (${release}) has passed`,
    "computation",
  );
  const requester = (await activeMember(host, computation.requester, "computation")).record;
  demand(
    requester.holdingGroup !== author.member.record.holdingGroup,
    "ERR_CONTRACT_REVIEWER",
    "computation: the requester's own group does not review",
    "computation",
  );
  return opened;
}
