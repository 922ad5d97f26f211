/** Whom a policy is for, as far as it follows from the member that asks and the time: who may know that it exists. */
import type { MemberFacts } from "./context.ts";
import type { RequesterKind } from "./operands.ts";
import type { PolicyTerms } from "./terms.ts";

export interface Audience {
  readonly kinds: readonly RequesterKind[];
  /** Undefined: every member of these kinds. */
  readonly members: readonly string[] | undefined;
  /** Labels of which a member has one; undefined: none is wanted. */
  readonly clearances: readonly string[] | undefined;
  /** Never these: whoever asks receives too. */
  readonly except: readonly string[];
  /** Milliseconds since 1970, inclusive. */
  readonly from: number;
  readonly until: number;
}

export const audienceOf = ({ prohibited, validFrom, validUntil, ...terms }: PolicyTerms): Audience =>
  Object.freeze({
    kinds: terms.requesterKinds,
    members: terms.requesters,
    clearances: terms.clearances,
    except: [...new Set([...prohibited.requesters, ...prohibited.recipients])],
    from: validFrom === undefined ? Number.NEGATIVE_INFINITY : Date.parse(validFrom),
    until: Date.parse(validUntil),
  });

/** An instant that does not exist shows nothing. */
export const isCurrent = ({ from, until }: Audience, now: number): boolean => now >= from && now <= until;

/** What decides whether a member sees a policy. */
export type Viewer = Pick<MemberFacts, "id" | "kind" | "attributes">;

/** The label that the operator admitted a member with. */
export const labelOf = ({ attributes = {} }: Viewer): string | undefined =>
  Object.hasOwn(attributes, "clearance") ? attributes.clearance : undefined;

/** False where the policy would refuse whatever this member asks at this time. */
export function isVisibleTo(audience: Audience, viewer: Viewer, now: number): boolean {
  const { kinds, members, clearances, except } = audience;
  const label = labelOf(viewer);
  return (
    isCurrent(audience, now) &&
    kinds.includes(viewer.kind) &&
    (members === undefined || members.includes(viewer.id)) &&
    (clearances === undefined || (label !== undefined && clearances.includes(label))) &&
    !except.includes(viewer.id)
  );
}
