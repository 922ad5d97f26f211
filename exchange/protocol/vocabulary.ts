/** What every message of the Dataspace Protocol 2025-1 shares, by eclipse-dataspace-protocol-base/DataspaceProtocol. */
import { type Static, type TSchema, Type } from "typebox";

export const DSP_VERSION = "2025-1";
export const DSP_CONTEXT = "https://w3id.org/dspace/2025/1/context.jsonld";

export type Role = "consumer" | "provider";
export const otherRole = (role: Role): Role => (role === "consumer" ? "provider" : "consumer");

export const Id = Type.String({ minLength: 1, maxLength: 512 });
export const Address = Type.String({ minLength: 1, maxLength: 2048 });
export const Context = Type.Array(Type.String({ maxLength: 512 }), {
  minItems: 1,
  maxItems: 16,
  contains: Type.Literal(DSP_CONTEXT),
});
/** Ids of one process: each side names it with its own. */
export const Pids = { providerPid: Id, consumerPid: Id };
/** Why something ended or was refused. The schemas leave the form of a reason open. */
export const Reasons = {
  code: Type.Optional(Type.String({ maxLength: 256 })),
  reason: Type.Optional(Type.Array(Type.Unknown(), { maxItems: 64 })),
};

export const message = <const T extends string, P extends Record<string, TSchema>>(type: T, properties: P) =>
  Type.Object({ "@context": Context, "@type": Type.Literal(type), ...properties });

/** Only the context of the protocol itself is ever sent. */
export const context = (): string[] => [DSP_CONTEXT];

/** Of what a party says about an end, so much is kept. */
const KEPT_REASON_CHARACTERS = 16_384;

/** Its first reasons, as many as are kept; undefined: there are none. */
export function keptReasons(reason: readonly unknown[] | undefined): readonly unknown[] | undefined {
  let room = KEPT_REASON_CHARACTERS;
  const kept = reason?.filter((one) => {
    room -= JSON.stringify(one).length;
    return room >= 0;
  });
  return kept?.length === 0 ? undefined : kept;
}

const Cause = Type.Object(Reasons);
/** What a person or a program should know about an end or a refusal. `reason` is never an empty list. */
export interface Cause extends Static<typeof Cause> {
  readonly code: string;
}

/** Code and reasons as they go out: an empty list of reasons would not pass the schemas. */
export const causeOf = (code: string, ...details: readonly string[]): Cause =>
  details.length === 0 ? { code } : { code, reason: [...details] };
