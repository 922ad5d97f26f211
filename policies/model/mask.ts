/** What may leave of a released value instead of the value itself. Numbers are text, as everywhere in a policy. */
import { type Static, Type } from "typebox";
import type { Field } from "./asset.ts";
import { Code, closed } from "./vocabulary.ts";

const element = Code;
export const Mask = Type.Union([
  /** The column stays, its values do not. */
  closed({ element, mask: Type.Literal("redact") }),
  /** The same word for the same value under one agreement, another one under every other; NULL stays NULL. */
  closed({ element, mask: Type.Literal("pseudonym") }),
  /** The first characters. */
  closed({
    element,
    mask: Type.Literal("prefix"),
    length: Type.String({ pattern: "^[1-9]\\d{0,2}$", examples: ["1", "999"] }),
  }),
  /** Of a date: `2026-03`, `2026`. */
  closed({ element, mask: Type.Literal("month") }),
  closed({ element, mask: Type.Literal("year") }),
  /** To the nearest multiple, halves to the even one. */
  closed({
    element,
    mask: Type.Literal("round"),
    step: Type.String({
      pattern: "^([1-9]\\d{0,17}(\\.\\d{1,9})?|0\\.\\d{0,8}[1-9])$",
      examples: ["0.000000001", "999999999999999999"],
    }),
  }),
]);
export type Mask = Static<typeof Mask>;

const TYPES: Readonly<Record<Mask["mask"], readonly Field["type"][]>> = Object.freeze({
  redact: ["decimal", "integer", "code", "date", "text"],
  pseudonym: ["integer", "code", "text"],
  prefix: ["code", "text"],
  month: ["date"],
  year: ["date"],
  round: ["decimal", "integer"],
});

export const suits = ({ mask }: Mask, { type }: Pick<Field, "type">): boolean => TYPES[mask].includes(type);

/** Masks under which a value that identifies a unit or person may leave. */
export const hidesIdentity = (mask: Mask | undefined): boolean => mask?.mask === "redact" || mask?.mask === "pseudonym";
