/** Whom a policy is for, as far as it follows from the member that asks and the time: who may know that it exists. */
import type { MemberFacts } from "./context.ts";
import type { RequesterKind } from "./operands.ts";
import type { PolicyTerms } from "./terms.ts";

export interface Audience {
  readonly kinds: readonly RequesterKind[];
  /** Undefined: every member of these kinds. */
  readonly members: readonly string[] | undefined;
  /** Never these: whoever asks receives too. */
  readonly except: readonly string[];
  /** Milliseconds since 1970, inclusive. */
  readonly from: number;
  readonly until: number;
}

export const audienceOf = ({ requesterKinds, requesters, prohibited, validFrom, validUntil }: PolicyTerms): Audience =>
  Object.freeze({
    kinds: requesterKinds,
    members: requesters,
    except: [...new Set([...prohibited.requesters, ...prohibited.recipients])],
    from: validFrom === undefined ? Number.NEGATIVE_INFINITY : Date.parse(validFrom),
    until: Date.parse(validUntil),
  });

/** An instant that does not exist shows nothing. */
export const isCurrent = ({ from, until }: Audience, now: number): boolean => now >= from && now <= until;

/** False where the policy would refuse whatever this member asks at this time. */
export const isVisibleTo = (audience: Audience, { id, kind }: Pick<MemberFacts, "id" | "kind">, now: number): boolean =>
  isCurrent(audience, now) &&
  audience.kinds.includes(kind) &&
  (audience.members === undefined || audience.members.includes(id)) &&
  !audience.except.includes(id);
