/** Field schemas shared by all transactions. Digests and keys are unpadded base64url. */
import { type Static, type TSchema, Type } from "typebox";

export const closed = <T extends Record<string, TSchema>>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });

export const literals = <const T extends readonly string[]>(values: T) =>
  Type.Enum([...values] as unknown as readonly [...{ -readonly [K in keyof T]: T[K] }]);

export const MemberId = Type.String({ pattern: "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$" });
/** `<provider>:<slug>`; stable over versions. */
export const AssetId = Type.String({ pattern: "^[a-z0-9-]{1,63}:[a-z0-9-]{1,63}$" });
export const Uuid = Type.String({ pattern: "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$" });
/** 32 bytes in the one way to write them: unused bits of the last character are zero (RFC 4648 section 3.5). */
const bytes32 = () => Type.String({ pattern: "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$" });
export const Bytes32 = bytes32();
/** SHA-256. */
export const Digest = bytes32();
/** Of any suite: 32 bytes, or 33 of a compressed point. Signatures verify only with the length of their suite. */
export const PublicKey = Type.String({ pattern: "^(?:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]|[A-Za-z0-9_-]{44})$" });
/** For key agreement in a computation: 32 bytes, the 66 of two compressed points, or the 1,216 of X-Wing. */
export const AgreementKey = Type.String({
  pattern: "^(?:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]|[A-Za-z0-9_-]{88}|[A-Za-z0-9_-]{1621}[AQgw])$",
});
/** 16 bytes. */
export const KeyId = Type.String({ pattern: "^[A-Za-z0-9_-]{21}[AQgw]$" });
/** 64 bytes. */
export const Signature = Type.String({ pattern: "^[A-Za-z0-9_-]{85}[AQgw]$" });
export const Instant = Type.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(?:\\.\\d{3})?Z$" });
export const Code = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" });
export const Text = Type.String({ minLength: 1, maxLength: 500 });
export const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const SuiteId = literals(["intl", "gm", "intl-pq"]);

/** What a person reads, in at least one language. */
export const Title = closed({ en: Type.Optional(Text), "zh-CN": Type.Optional(Text) });

export const NODE_KINDS = ["government", "enterprise", "industry"] as const;
export const NodeKind = literals(NODE_KINDS);

export const signed = <T extends TSchema>(statement: T) =>
  closed({ statement, signer: MemberId, key: KeyId, suite: SuiteId, signature: Signature });

/** As `signed`; one signature may also cover several transactions of one author: see BatchPlace in crypto/suites. */
export const signedTransaction = <T extends TSchema>(statement: T) =>
  closed({
    statement,
    signer: MemberId,
    key: KeyId,
    suite: SuiteId,
    signature: Signature,
    batch: Type.Optional(
      closed({
        index: Type.Integer({ minimum: 0, maximum: 63 }),
        size: Type.Integer({ minimum: 2, maximum: 64 }),
        path: Type.Array(Digest, { minItems: 1, maxItems: 6 }),
      }),
    ),
  });

export type NodeKind = Static<typeof NodeKind>;
