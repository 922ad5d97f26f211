/** Small schemas shared by the documents of the policy model. */
import { type TSchema, Type } from "typebox";

export const closed = <T extends Record<string, TSchema>>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });

/** One of some strings, with the literal types kept. */
export const literals = <const T extends readonly string[]>(values: T) =>
  Type.Enum([...values] as unknown as readonly [...{ -readonly [K in keyof T]: T[K] }]);

export const MemberId = Type.String({ pattern: "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$" });
export const AssetId = Type.String({ pattern: "^[a-z0-9-]{1,63}:[a-z0-9-]{1,63}$" });
export const Code = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" });
export const Text = Type.String({ minLength: 1, maxLength: 2000 });
export const Title = closed({ en: Type.Optional(Text), "zh-CN": Type.Optional(Text) });
/** Exact decimal as text, for example "-12.50". */
export const Decimal = Type.String({ pattern: "^-?(0|[1-9]\\d{0,29})(\\.\\d{1,18})?$" });
export const CalendarDate = Type.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}$" });
export const Instant = Type.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(?:\\.\\d{3})?Z$" });
/** 32 bytes in the one way to write them: unused bits of the last character are zero (RFC 4648 section 3.5). */
export const Bytes32 = Type.String({ pattern: "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$" });
/** 16 bytes. */
export const KeyId = Type.String({ pattern: "^[A-Za-z0-9_-]{21}[AQgw]$" });
/** 64 bytes. */
export const Signature = Type.String({ pattern: "^[A-Za-z0-9_-]{85}[AQgw]$" });
/** The envelope of crypto/suites/signed.ts around a statement. */
export const signed = <T extends TSchema>(statement: T) =>
  closed({ statement, signer: MemberId, key: KeyId, suite: literals(["intl", "gm", "intl-pq"]), signature: Signature });
export const Uuid = Type.String({ pattern: "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$" });
