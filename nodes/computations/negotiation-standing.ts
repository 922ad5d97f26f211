/** What nobody can take back: the ledger has the agreement that a negotiation is about, to the letter. */
import { agreementDigest } from "../../exchange/negotiation/agreement.ts";
import type { NegotiationRecord } from "./negotiation-index.ts";

const URN = /^urn:uuid:([0-9a-f-]{36})$/;

/** `concluded`: what was concluded under this id, by this node's replica. */
export async function standsOnLedger(
  concluded: (agreement: string) => Promise<{ readonly digest: string } | undefined>,
  { side: { document } }: NegotiationRecord,
): Promise<boolean> {
  const id = URN.exec(document?.agreement?.["@id"] ?? "")?.[1];
  if (document?.agreement === undefined || id === undefined) return false;
  return (await concluded(id))?.digest === agreementDigest(document.agreement);
}
