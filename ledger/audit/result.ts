/** The result document: what the requester gets and what `result.release` commits to by salted digest. */
import { type Static, Type } from "typebox";
import { OpenedPrivacy } from "../../chaincode/rules/transactions.ts";
import { Code, Count, closed, MemberId, Text, Uuid } from "../../chaincode/rules/vocabulary.ts";

/** Said of every withheld figure, whichever rule it was. */
export const WITHHELD = "disclosure-control";

export const RESULT_FORMAT = "sealane/result/v1";

const Decimal = Type.String({ pattern: "^-?(?:0|[1-9]\\d{0,79})(?:\\.\\d{1,100})?$" });

/** One figure. Exactly one of `value`, `withheld` and `undefined` says something: the others are null or absent. */
export const ResultCell = closed({
  /** Dimension name to code; a margin leaves dimensions out; empty for an ungrouped figure. */
  group: Type.Record(Code, Code, { additionalProperties: false, maxProperties: 3 }),
  measure: Code,
  /** Regression only: "intercept", "coefficient:<element>", "r-squared" or "rows". */
  part: Type.Optional(Type.String({ minLength: 1, maxLength: 80 })),
  value: Type.Union([Decimal, Type.Null()]),
  /** `WITHHELD`, where the figure is. */
  withheld: Type.Optional(Code),
  /** Why the figure does not exist although its cell is released. */
  undefined: Type.Optional(Code),
  unit: Type.Optional(Code),
  /** Of a figure with noise. */
  standardError: Type.Optional(Decimal),
});

const Percent = Type.String({ maxLength: 8 });
/** The strictest of all policies. Numbers are text, as in the policies. */
export const OutputRules = closed({
  dominance: Type.Array(closed({ largest: Type.String({ maxLength: 1 }), percent: Percent }), { maxItems: 9 }),
  pPercent: Type.Union([Percent, Type.Null()]),
  pq: Type.Array(closed({ percent: Percent, prior: Percent }), { maxItems: 9000 }),
  protectionInterval: Type.Union([Percent, Type.Null()]),
  zeroCells: Type.Enum(["withheld", "released"]),
  /** Each base once; absent: nothing is rounded. */
  rounding: Type.Optional(
    Type.Array(
      closed({
        element: Type.Optional(Code),
        base: Type.String({ maxLength: 25, pattern: "^(?:0|[1-9]\\d*)(?:\\.\\d+)?$" }),
        unit: Type.Optional(Code),
      }),
      { minItems: 1, maxItems: 100_000 },
    ),
  ),
  /** Of the result before it leaves; absent: nobody has to. */
  review: Type.Optional(
    closed({ persons: Type.Integer({ minimum: 1, maximum: 2 }), hours: Type.Integer({ minimum: 1, maximum: 720 }) }),
  ),
});

export const ResultDocument = closed({
  format: Type.Literal(RESULT_FORMAT),
  request: Uuid,
  computation: Uuid,
  receiver: MemberId,
  /** S2: whose contributions are in the sums; ascending. */
  contributors: Type.Array(MemberId, { minItems: 1, maxItems: 1000 }),
  cells: Type.Array(ResultCell, { minItems: 1, maxItems: 1_000_000 }),
  /** Output rules that were applied, as in the release record. */
  rules: Type.Array(Code, { maxItems: 64 }),
  /** Figures with `withheld`, as in the release record. */
  withheldCells: Count,
  /** What the policies of the cohort want of a release; absent where none of them says anything of it. */
  outputRules: Type.Optional(OutputRules),
  /** As in the opening: releases with noise. */
  privacy: Type.Optional(OpenedPrivacy),
  note: Type.Optional(Text),
});

export type ResultCell = Static<typeof ResultCell>;
export type ResultDocument = Static<typeof ResultDocument>;
