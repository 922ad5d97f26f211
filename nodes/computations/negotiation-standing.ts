/** What nobody can take back: the ledger has the agreement that a negotiation is about, to the letter. */
import { agreementDigest } from "../../exchange/negotiation/agreement.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
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
