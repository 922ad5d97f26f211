/** Schemas that several routes answer with. */
import { Type } from "typebox";
import { MemberRecord } from "../../chaincode/rules/transactions.ts";
import { Code, Count, closed, Instant, literals, MemberId } from "../../chaincode/rules/vocabulary.ts";
import { PROBLEM_TYPE, Problem } from "./problem.ts";

const Written = closed({ position: Count, time: Instant });

export const MemberView = closed({
  record: MemberRecord,
  status: literals(["active", "suspended", "expelled"]),
  reason: Type.Optional(Code),
  admitted: Written,
  changed: Written,
});

export const LedgerStatusView = closed({
  kind: literals(["embedded", "fabric"]),
  network: Code,
  height: Count,
  root: Type.String(),
  role: literals(["sequencer", "replica", "client"]),
  reachable: Type.Boolean(),
  halted: Type.Optional(Code),
  outbox: Count,
  waiting: Type.Optional(closed({ since: Instant, code: Code, signer: MemberId, type: Code, id: Type.String() })),
});

/** Where the ledger holds what the call recorded. */
export const Recorded = Written;
export const Done = closed({ done: Type.Literal(true) });
export const ReasonBody = closed({ reason: Code });

export const MemberParameters = closed({ member: MemberId });

const refusal = (description: string) => ({ description, content: { [PROBLEM_TYPE]: { schema: Problem } } });

/** Spread into `response`: every refusal is a problem document. */
export const problems = { "4xx": refusal("Refused; nothing was changed"), "5xx": refusal("Failed") };
