/** Asset metadata: what a provider publishes about a table. The source itself (path, engine) never leaves the node. */
import { type Static, Type } from "typebox";
import { AssetId, Bytes32, CalendarDate, Code, closed, Decimal, MemberId, Text, Title } from "./vocabulary.ts";

/** Two axes: GB/T 43697-2024 (legal) and DB33/T 2351-2021 (level). */
export const Grade = closed({
  legal: Type.Union([Type.Literal("core"), Type.Literal("important"), Type.Literal("general")]),
  level: Type.Union([Type.Literal("L1"), Type.Literal("L2"), Type.Literal("L3"), Type.Literal("L4")]),
});

export const Field = closed({
  /** Column name at the source. */
  name: Type.String({ minLength: 1, maxLength: 128 }),
  /** Data-element id: what the value means, the same over all providers. */
  element: Code,
  title: Type.Optional(Title),
  type: Type.Union([
    Type.Literal("decimal"),
    Type.Literal("integer"),
    Type.Literal("code"),
    Type.Literal("date"),
    Type.Literal("text"),
  ]),
  /** Fixed-point digits after the point; required for decimal. */
  scale: Type.Optional(Type.Integer({ minimum: 0, maximum: 9 })),
  unit: Type.Optional(Code),
  /** Inclusive; required for numbers. Values outside are counted and reported, never clipped. */
  bounds: Type.Optional(closed({ minimum: Decimal, maximum: Decimal })),
  /** Key into `codeTables`; required for code. */
  codeTable: Type.Optional(Code),
  /** The provider declares that a non-null, non-zero value is always present (registry mode). */
  alwaysPresent: Type.Optional(Type.Boolean()),
  /** Source is binary floating point: values are rounded half-even to `scale` digits, and this says so. */
  roundedFromFloat: Type.Optional(Type.Boolean()),
  /** Identifies a statistical unit or person: never compared with a literal. */
  identity: Type.Optional(Type.Boolean()),
  /** Personal information: wants a legal basis and a retention that the policy states. */
  personal: Type.Optional(Type.Boolean()),
  /** Of this field alone; absent: that of the asset. */
  grade: Type.Optional(Grade),
});

/** TypeBox's own pattern for any string stops at a line break, and a key beyond the pattern would go unchecked. */
const AnyName = Type.String({ pattern: "^[\\s\\S]*$" });

export const QualitySummary = closed({
  rows: Type.Integer({ minimum: 0 }),
  fields: Type.Record(
    AnyName,
    closed({ nulls: Type.Integer({ minimum: 0 }), outOfBounds: Type.Integer({ minimum: 0 }) }),
    { additionalProperties: false, maxProperties: 500 },
  ),
});

/** `within`: the code that this one is a part of. Rows hold codes that have no parts; the others are levels of totals. */
export const CodeEntry = closed({ code: Code, title: Type.Optional(Title), within: Type.Optional(Code) });
export type CodeEntry = Static<typeof CodeEntry>;

/** Codes that rows may hold, in the order of the table. */
export function leafCodes(table: readonly CodeEntry[]): readonly string[] {
  const groups = new Set(table.flatMap(({ within }) => within ?? []));
  return table.flatMap(({ code }) => (groups.has(code) ? [] : [code]));
}

export const Asset = closed({
  id: AssetId,
  version: Type.Integer({ minimum: 1 }),
  provider: MemberId,
  title: Title,
  description: Type.Optional(Text),
  keywords: Type.Array(Text, { maxItems: 32 }),
  fields: Type.Array(Field, { minItems: 1, maxItems: 500 }),
  codeTables: Type.Record(Code, Type.Array(CodeEntry, { minItems: 1, maxItems: 100_000 }), {
    additionalProperties: false,
    maxProperties: 500,
  }),
  /** What one statistical unit is: the provider itself (weight 1), or the distinct values of an identity field. */
  unit: Type.Union([
    closed({ kind: Type.Literal("provider") }),
    closed({ kind: Type.Literal("field"), field: Type.String() }),
  ]),
  /** Population the units are drawn from; assets with equal or undeclared domains are not summed together. */
  unitDomain: Code,
  /** Of every field that has none of its own. */
  grade: Grade,
  period: Type.Optional(closed({ from: CalendarDate, to: CalendarDate, field: Type.Optional(Type.String()) })),
  quality: QualitySummary,
  /** Salted digest of the source bytes at registration. */
  sourceDigest: Bytes32,
});

export type Grade = Static<typeof Grade>;
export type Field = Static<typeof Field>;
export type Asset = Static<typeof Asset>;
