/** Agreements on records as this node keeps them: what was agreed, with whom, in which role. */
import type { Role } from "../../exchange/protocol/vocabulary.ts";
import type { ReleaseAgreement } from "../../exchange/transfers/release-agreement.ts";

export interface KeptAgreement {
  readonly agreement: ReleaseAgreement;
  readonly role: Role;
  readonly peer: string;
  /** Pid of its negotiation on this side. */
  readonly negotiation: string;
}

/** The ledger's name for an agreement: its `@id` without the URN. */
export const agreementUuid = (id: string): string => id.replace(/^urn:uuid:/, "");
