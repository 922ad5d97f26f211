/** The data request (数据申请): what a requester signs and every provider decides on. */
import { type Static, Type } from "typebox";
import { RequestForm } from "./form.ts";
import { Query } from "./query.ts";
import { AssetId, CalendarDate, Code, closed, Instant, literals, MemberId, Text, Title, Uuid } from "./vocabulary.ts";

export const SCENARIOS = [
  "industry-ecology",
  "intelligent-manufacturing",
  "common-technology",
  "government-service",
] as const;

export const METHODS = ["mask", "bfv"] as const;
export type Method = (typeof METHODS)[number];

/** What a join tells: which items of the requester's list the table has too, how many, or sums over their rows. */
export const JOIN_OPERATIONS = ["intersection", "cardinality", "statistics"] as const;
export type JoinOperation = (typeof JOIN_OPERATIONS)[number];

export const DataRequest = closed({
  id: Uuid,
  requester: MemberId,
  title: Title,
  purpose: closed({ code: Code, text: Text }),
  legalBasis: closed({ code: Code, text: Text }),
  scenario: literals(SCENARIOS),
  query: Query,
  assets: Type.Array(AssetId, { minItems: 1, maxItems: 1000, uniqueItems: true }),
  /** Who gets the released figures besides the requester. */
  recipients: Type.Array(MemberId, { maxItems: 32 }),
  territory: Code,
  validity: closed({ from: CalendarDate, to: CalendarDate }),
  retentionDays: Type.Integer({ minimum: 1, maximum: 36_500 }),
  /** `direct`: R = requester. `reviewed`: R = a release authority. */
  receiverMode: Type.Union([Type.Literal("direct"), Type.Literal("reviewed")]),
  receiver: MemberId,
  coordinator: MemberId,
  /** How masked values go to R: under one more mask, or under a homomorphic scheme. Absent: mask. */
  method: Type.Optional(literals(METHODS)),
  /** A policy may want it, and then complete. */
  form: Type.Optional(RequestForm),
  /** An earlier request that was refused, and why it should not have been. */
  appeal: Type.Optional(closed({ request: Uuid, reason: Text })),
  /**
   * No computation but questions to the one provider of the one asset, whose coefficients it does not learn: so many
   * figures may be asked for. The query says which cells there are.
   */
  encryptedQuery: Type.Optional(closed({ figures: Type.Integer({ minimum: 1, maximum: 1000 }) })),
  /**
   * No computation but a private set intersection of a list of the requester with the keys of the one asset. The query
   * says which figures: units alone for `intersection` and `cardinality`.
   */
  join: Type.Optional(
    closed({
      /** Its values are the keys, in the list as in the table. */
      element: Code,
      operation: literals(JOIN_OPERATIONS),
      /** That the requester's list has at most. */
      items: Type.Integer({ minimum: 1, maximum: 10_000_000 }),
      /** For `statistics`: the groups that the requester's list is divided into. */
      labels: Type.Optional(Type.Array(Code, { minItems: 1, maxItems: 100, uniqueItems: true })),
    }),
  ),
  createdAt: Instant,
});

export type DataRequest = Static<typeof DataRequest>;
