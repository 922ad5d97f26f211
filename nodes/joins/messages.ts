/** Joins between members: schemas and paths of `peer/v1`. */
import { type Static, Type } from "typebox";
import { Bytes32, Code, Count, closed, Digest, KeyId, literals, Uuid } from "../../chaincode/rules/vocabulary.ts";
import { FRAME_ITEMS } from "../../crypto/psi/frames.ts";
import { POINT_BYTES } from "../../crypto/psi/masking.ts";
import { JOIN_REASONS } from "../../exchange/joins/run.ts";
import { RequestDocumentSchema } from "../../exchange/requests/pull.ts";
import { JoinMatched, JoinReleased } from "../../ledger/audit/join-statements.ts";

export const RunParameters = closed({ run: KeyId });
const Index = Type.Integer({ minimum: 0, maximum: 10_000 });

/** `asker`: its list. `again`: the holder's list, masked by the asker as well and sorted. */
export const PUT_LISTS = ["asker", "again"] as const;
/** `holder`: its list. `answer`: the asker's, masked by the holder as well. */
export const GET_LISTS = ["holder", "answer"] as const;
export const PutListParameters = closed({ run: KeyId, list: literals(PUT_LISTS), index: Index });
export const GetListParameters = closed({ run: KeyId, list: literals(GET_LISTS), index: Index });
export type PutList = (typeof PUT_LISTS)[number];
export type GetList = (typeof GET_LISTS)[number];

/** A frame of a list, or a piece of what the matcher gets. */
export const FRAME_BYTES = FRAME_ITEMS * POINT_BYTES + 64;
export const PIECE_BYTES = FRAME_ITEMS * POINT_BYTES;

export const OpenJoin = closed({ request: Uuid, salt: Bytes32 });
/** What the asker sees of a run at the holder. */
export const HolderView = closed({
  state: literals(["opened", "committed", "received", "released", "withheld", "failed"]),
  reason: Type.Optional(literals(JOIN_REASONS)),
  /** Once committed. */
  salt: Type.Optional(Bytes32),
  /** Once released. */
  release: Type.Optional(JoinReleased),
  /** For sums: to the receiver. */
  seed: Type.Optional(Bytes32),
});
export type HolderView = Static<typeof HolderView>;

/** What a side brings to the matcher, announced before its pieces. */
export const MatchPart = closed({
  /** Groups of this side. */
  groups: Type.Integer({ minimum: 1, maximum: 1000 }),
  /** SHA-256 of all bytes. */
  digest: Digest,
  /** The holder's alone. */
  minimum: Type.Optional(Type.Integer({ minimum: 1 })),
  columns: Type.Optional(Type.Integer({ minimum: 0, maximum: 64 })),
  /** Groups that the asker's list may be divided into, as was agreed on. */
  askerGroups: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
});
export type MatchPart = Static<typeof MatchPart>;
/** With the request that names who matches. */
export const MatchAnnouncement = closed({ part: MatchPart, request: RequestDocumentSchema });
export const PieceParameters = closed({ run: KeyId, index: Index });
export const MatchView = closed({ matched: Type.Optional(JoinMatched), refused: Type.Optional(Code) });

export const Taken = closed({ taken: Count });

export const joinPaths = Object.freeze({
  run: (run: string) => `/peer/v1/joins/${run}`,
  frame: (run: string, list: PutList | GetList, index: number) => `/peer/v1/joins/${run}/${list}/${index}`,
  match: (run: string) => `/peer/v1/matches/${run}`,
  piece: (run: string, index: number) => `/peer/v1/matches/${run}/${index}`,
});
