/** Transaction type -> rule: the one list of what the contract does. */
import { anchorAccess } from "./access.ts";
import { concludeAgreement, revokeAgreement } from "./agreements.ts";
import { activatePolicy, registerAsset, withdrawAsset } from "./assets.ts";
import { publishListing, registerComponent, withdrawListing } from "./components.ts";
import { openComputation } from "./computation-opening.ts";
import {
  closePhase,
  failComputation,
  recordCounts,
  recordKeyset,
  recordMaskset,
  recordOmitted,
} from "./computations.ts";
import { commitJoin, endJoin, openJoin } from "./joins.ts";
import { admitMember, foundNetwork, reinstateMember, revokeKey, rotateKey, suspendMember } from "./members.ts";
import { recordAnswer } from "./queries.ts";
import { decideRelease } from "./releases.ts";
import { cancelRequest, recordDecision, submitRequest } from "./requests.ts";
import { releaseResult, withholdResult } from "./results.ts";
import { openReview, sayInReview } from "./reviews.ts";
import type { Rule } from "./rule.ts";
import { decideOrder, grantLicence, placeOrder, recordSettlement, recordUsage, revokeLicence } from "./trade.ts";
import type { TransactionType } from "./transactions.ts";
import { castVote } from "./votes.ts";

export const RULES: { readonly [T in TransactionType]: Rule<T> } = Object.freeze({
  "network.found": foundNetwork,
  "member.admit": admitMember,
  "member.suspend": suspendMember,
  "member.reinstate": reinstateMember,
  "key.rotate": rotateKey,
  "key.revoke": revokeKey,
  "vote.cast": castVote,
  "asset.register": registerAsset,
  "asset.withdraw": withdrawAsset,
  "policy.activate": activatePolicy,
  "request.submit": submitRequest,
  "request.cancel": cancelRequest,
  "decision.record": recordDecision,
  "agreement.conclude": concludeAgreement,
  "agreement.revoke": revokeAgreement,
  "release.decide": decideRelease,
  "computation.open": openComputation,
  "computation.keyset": recordKeyset,
  "computation.maskset": recordMaskset,
  "computation.close": closePhase,
  "computation.counts": recordCounts,
  "computation.omitted": recordOmitted,
  "computation.fail": failComputation,
  "review.open": openReview,
  "review.say": sayInReview,
  "result.release": releaseResult,
  "result.withhold": withholdResult,
  "join.open": openJoin,
  "join.commit": commitJoin,
  "join.end": endJoin,
  "query.answer": recordAnswer,
  "access.anchor": anchorAccess,
  "component.register": registerComponent,
  "listing.publish": publishListing,
  "listing.withdraw": withdrawListing,
  "order.place": placeOrder,
  "order.decide": decideOrder,
  "licence.grant": grantLicence,
  "licence.revoke": revokeLicence,
  "usage.record": recordUsage,
  "settlement.record": recordSettlement,
});
