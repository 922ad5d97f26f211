/**
 * Where the policies want a review, the released document is the draft that enough persons of the receiver approved.
 * Earlier drafts and reasons stay with the receiver: the one would tell what is withheld now, the other why.
 */
import { bodyOf, type Check, sameJson, sameList } from "./evidence.ts";
import { outputRulesOf } from "./output-rules.ts";

const WHERE = "/body/outcome/review";

export const checkReview: Check = ({ body, opened }, findings) => {
  const wanted = outputRulesOf(body.opened.policy.document.policies)?.review;
  findings.expect(
    sameJson(opened.review ?? null, wanted ?? null),
    "/body/opened/record/transaction/statement/body/review",
    "rules-mismatch",
  );
  const { outcome } = body;
  if (wanted === undefined || outcome.kind === "withheld") return;
  const { review } = outcome;
  if (review === undefined) return findings.fail(WHERE, "review-missing", { wanted: wanted.persons });
  const begun = bodyOf(review.opened);
  const end = Date.parse(opened.deadlines.release);
  const isOurs = (transaction: { readonly signer: string }, about: { computation: string; request: string }) =>
    transaction.signer === opened.receiver && about.computation === body.computation && about.request === body.request;
  findings.expect(isOurs(review.opened.record.transaction, begun), `${WHERE}/opened`, "names-other");
  let at = review.opened.record.position;
  findings.expect(body.phase2.record.position < at, `${WHERE}/opened/record/position`, "order", { got: at });
  let draft: string = begun.draft;
  let withheldCells: number = begun.withheldCells;
  let approvals: readonly string[] = [];
  for (const [index, said] of review.words.entries()) {
    const where = `${WHERE}/words/${index}/record`;
    const { position, time, transaction } = said.record;
    const word = bodyOf(said);
    const isNext = position > at && position < outcome.record.position && Date.parse(time) < end;
    findings.expect(isNext, `${where}/position`, "order", { after: at, got: position });
    at = position;
    const { reviewer, next } = word;
    const isStricter = next === undefined || next.withheldCells > withheldCells;
    const isSound =
      isOurs(transaction, word) &&
      word.draft === draft &&
      reviewer.startsWith(`${opened.receiver}/`) &&
      !approvals.includes(reviewer) &&
      approvals.length < wanted.persons &&
      word.word !== "reject" &&
      (next !== undefined) === (word.word === "restrict") &&
      isStricter;
    findings.expect(isSound, where, "review-word", { reviewer, word: word.word });
    if (next !== undefined) ({ draft, withheldCells } = next);
    approvals = next === undefined ? [...approvals, reviewer] : [reviewer];
  }
  const released = bodyOf(outcome);
  const isApproved =
    approvals.length === wanted.persons &&
    released.resultDigest === draft &&
    released.withheldCells === withheldCells &&
    sameList(released.reviewers, approvals);
  findings.expect(isApproved, "/body/outcome/record", "review-approvals", {
    wanted: wanted.persons,
    got: approvals.length,
  });
};
