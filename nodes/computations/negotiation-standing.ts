/** What a negotiation has come to: by the ledger, which nobody can take back, and by what both sides have said. */
import { agreementDigest } from "../../exchange/negotiation/agreement.ts";
import { isNegotiationOver, type Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { isAgreedIn } from "../../exchange/requests/agree.ts";
import type { AgreementRecord } from "../../exchange/requests/agreement-record.ts";
import type { NegotiationRecord } from "./negotiation-index.ts";

const URN = /^urn:uuid:([0-9a-f-]{36})$/;

/**
 * The negotiation as the ledger ends it; undefined where it does not have the agreement. `concluded`: what was
 * concluded under this id, by this node's replica.
 */
export async function standingOn(
  concluded: (agreement: string) => Promise<{ readonly digest: string } | undefined>,
  { side: { document } }: NegotiationRecord,
): Promise<Negotiation | undefined> {
  const id = URN.exec(document?.agreement?.["@id"] ?? "")?.[1];
  if (document?.agreement === undefined || id === undefined) return undefined;
  const stands = (await concluded(id))?.digest === agreementDigest(document.agreement);
  return stands ? { ...document, state: "FINALIZED" } : undefined;
}

/** The requester's word on this very agreement. An end that this side has put on its way is one, though nobody has heard it. */
export function wordOf({ side }: NegotiationRecord, kept: AgreementRecord): "verified" | "over" | "waits" {
  const { document, sending } = side;
  if (document === undefined) return "waits";
  if (sending?.["@type"] === "ContractNegotiationTerminationMessage") return "over";
  if ((document.state === "VERIFIED" || document.state === "FINALIZED") && isAgreedIn(document, kept))
    return "verified";
  return isNegotiationOver(document.state) ? "over" : "waits";
}
