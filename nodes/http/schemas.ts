/** Schemas that several routes answer with. */
import { Type } from "typebox";
import { MemberRecord } from "../../chaincode/rules/transactions.ts";
import { Code, Count, closed, Instant, literals, MemberId } from "../../chaincode/rules/vocabulary.ts";
import { Problem } from "./problem.ts";

const Written = closed({ position: Count, time: Instant });

export const MemberView = closed({
  record: MemberRecord,
  status: literals(["active", "suspended", "expelled"]),
  reason: Type.Optional(Code),
  admitted: Written,
  changed: Written,
});

export const MemberParameters = closed({ member: MemberId });

/** Spread into `response`: every refusal is a problem document. */
export const problems = { "4xx": Problem, "5xx": Problem };
