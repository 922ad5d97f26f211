/** What the holder and the matcher of a join sign (domain "join"): kept as it was sent, and checked by whoever audits. */
import { type Static, Type } from "typebox";
import {
  Code,
  Count,
  closed,
  Digest,
  Instant,
  KeyId,
  MemberId,
  signed,
  Uuid,
} from "../../chaincode/rules/vocabulary.ts";
import { PsiError } from "../../crypto/psi/errors.ts";
import { type JoinGroup, MAXIMUM_GROUPS } from "../../crypto/psi/join.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";

/** Bytes in base64url: little-endian words, as many as rows that are matched at most (2^20 of four bytes). */
const Words = Type.String({ pattern: "^[A-Za-z0-9_-]*$", maxLength: 5_600_000 });

const ABOUT = { run: KeyId, request: Uuid, agreement: Uuid, number: Type.Integer({ minimum: 1 }) };

/** The holder's word on what is told, before anything of it leaves. */
export const JoinReleased = signed(
  closed({
    ...ABOUT,
    /** Keys that both sides have at least: in all, or in each group. */
    minimum: Type.Integer({ minimum: 1 }),
    told: Type.Union([
      closed({
        kind: Type.Literal("count"),
        /** Keys that both sides have. */
        keys: Count,
        /** For `intersection`: RFC 6962 root over the frames of the answer. */
        answer: Type.Optional(Digest),
      }),
      closed({
        kind: Type.Literal("sums"),
        matcher: MemberId,
        columns: Type.Integer({ minimum: 0, maximum: 8 }),
        /** Groups of the holder's own. */
        groups: Type.Integer({ minimum: 1, maximum: 1000 }),
        /** Of the seed of the masks. */
        seed: Digest,
        /** Of what the matcher gets: the asker's list masked again, groups and masked words. */
        sent: Digest,
      }),
    ]),
    at: Instant,
  }),
);
export type JoinReleased = Static<typeof JoinReleased>;

/** The matcher's word on which rows of the holder's list are in which group, and on the sums of their masked words. */
export const JoinMatched = signed(
  closed({
    run: KeyId,
    minimum: Type.Integer({ minimum: 1 }),
    /** Of what it got of the holder, and of the asker. */
    holder: Digest,
    asker: Digest,
    groups: Type.Array(
      closed({
        /** The asker's group times the number of the holder's, and the holder's. */
        group: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
        /** Places in the holder's list, four bytes each. */
        rows: Words,
        /** One a column, eight bytes each. */
        sums: Words,
      }),
      { maxItems: MAXIMUM_GROUPS },
    ),
    at: Instant,
  }),
);
export type JoinMatched = Static<typeof JoinMatched>;

/** Figures of one group, as the asker opened them. */
export const JoinGroupFigures = closed({
  group: Type.Record(Code, Code, { additionalProperties: false, maxProperties: 4 }),
  keys: Count,
  figures: Type.Array(closed({ measure: Code, value: Type.String({ maxLength: 80 }) }), { maxItems: 32 }),
});
export type JoinGroupFigures = Static<typeof JoinGroupFigures>;

/** The groups of a matcher's statement, as they are opened. Throws ERR_PSI_MESSAGE. */
export const matchedGroups = ({
  statement,
}: {
  readonly statement: Pick<JoinMatched["statement"], "groups">;
}): readonly JoinGroup[] =>
  statement.groups.map(({ group, rows, sums }) => ({
    group,
    rows: new Uint32Array(aligned(rows, 4)),
    sums: new BigUint64Array(aligned(sums, 8)),
  }));

function aligned(text: string, width: number): ArrayBuffer {
  const bytes = fromBase64url(text, "words");
  if (bytes.length % width !== 0) throw new PsiError("ERR_PSI_MESSAGE", `words: wanted a multiple of ${width} bytes`);
  return bytes.slice().buffer as ArrayBuffer;
}
