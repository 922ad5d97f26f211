/** What reviewers see of a result before it leaves. */
import { type Static, Type } from "typebox";
import {
  Code,
  Count,
  closed,
  Instant,
  literals,
  MemberId,
  Text,
  Title,
  Uuid,
} from "../../../../chaincode/rules/vocabulary.ts";
import { ResultCell, ResultDocument } from "../../../../ledger/audit/result.ts";

/** `opening`: the ledger does not have it yet. */
const REVIEW_STATES = ["opening", "open", "approved", "rejected", "ended"] as const;

export const Figure = closed({ group: ResultCell.properties.group, measure: Code });
const Brief = {
  computation: Uuid,
  request: Uuid,
  requester: MemberId,
  state: literals(REVIEW_STATES),
  /** How many have to approve, and who has approved the present draft. */
  persons: Count,
  approvals: Type.Array(Text),
  since: Instant,
  /** What is not approved by then never leaves. */
  until: Instant,
  withheldCells: Count,
};
export const BriefView = closed(Brief);
export type ReviewBriefView = Static<typeof BriefView>;

export const ReviewView = closed({
  ...Brief,
  title: Type.Optional(Title),
  purpose: Type.Optional(Code),
  /** As it would be released; absent once it was rejected. */
  document: Type.Optional(ResultDocument),
  /** Why each withheld figure is: for this node's own people alone. */
  withheld: Type.Array(
    closed({
      group: ResultCell.properties.group,
      measure: Code,
      part: Type.Optional(Type.String()),
      rules: Type.Array(Code),
    }),
  ),
  words: Type.Array(
    closed({
      reviewer: Text,
      word: literals(["approve", "restrict", "reject"]),
      reason: Type.String(),
      withhold: Type.Array(Figure),
      at: Instant,
      /** Not on the ledger yet. */
      pending: Type.Optional(Type.Literal(true)),
    }),
  ),
  /** What this node has released to the same requester before, the latest first. */
  history: Type.Array(closed({ request: Uuid, title: Type.Optional(Title), time: Instant })),
});
export type ReviewView = Static<typeof ReviewView>;
