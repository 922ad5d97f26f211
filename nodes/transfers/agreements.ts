/** Agreements on records as this node keeps them: what was agreed, with whom, in which role. */
import { readAgreement } from "../../chaincode/rules/keys.ts";
import { canonicalJson, digestOf } from "../../crypto/suites/digest.ts";
import type { Role } from "../../exchange/protocol/vocabulary.ts";
import type { ReleaseAgreement } from "../../exchange/transfers/release-agreement.ts";
import type { NodeServices } from "../runtime/services.ts";
import type { RecordStore } from "../store/records.ts";

export interface KeptAgreement {
  readonly agreement: ReleaseAgreement;
  readonly role: Role;
  readonly peer: string;
  /** Pid of its negotiation on this side. */
  readonly negotiation: string;
}

export const openReleaseAgreements = ({ openStore }: Pick<NodeServices, "openStore">): RecordStore<KeptAgreement> =>
  openStore("release-agreements");

/** The ledger's name for an agreement: its `@id` without the URN. */
export const agreementUuid = (id: string): string => id.replace(/^urn:uuid:/, "");

/** False: another agreement, or another's, is kept under this id already, and stays. */
export async function keepAgreement(
  agreements: Pick<RecordStore<KeptAgreement>, "get" | "put">,
  wanted: KeptAgreement,
): Promise<boolean> {
  const id = agreementUuid(wanted.agreement["@id"]);
  const kept = await agreements.get(id);
  if (kept !== undefined) return canonicalJson(kept) === canonicalJson(wanted);
  await agreements.put(id, wanted);
  return true;
}

/** What the ledger has under the id of an agreement. `other`: a record that does not follow from it. */
export async function standingOf(
  ledger: NodeServices["ledger"],
  agreement: ReleaseAgreement,
): Promise<"finalized" | "revoked" | "absent" | "other"> {
  const found = await readAgreement(ledger, agreementUuid(agreement["@id"]));
  if (found === undefined) return "absent";
  const { provider, agreement: recorded, state } = found;
  const isSame =
    provider === agreement.assigner &&
    recorded.consumer === agreement.assignee &&
    recorded.asset === agreement.target &&
    recorded.assetVersion === agreement["sealane:assetVersion"] &&
    recorded.policy?.digest === agreement["sealane:policy"].digest &&
    recorded.digest === digestOf(agreement) &&
    recorded.validUntil === agreement["sealane:validUntil"];
  return isSame ? state : "other";
}
