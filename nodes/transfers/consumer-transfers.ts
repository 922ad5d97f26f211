/** The consumer's side of transfers: what its own ledger and clock end, whether or not the provider says so. */
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { transferTermination } from "../../exchange/transfers/compose.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import type { ReleaseAgreement } from "../../exchange/transfers/release-agreement.ts";
import { isTransferOver, type Transfer } from "../../exchange/transfers/transfer.ts";
import type { NodeServices } from "../runtime/services.ts";
import { standingOf } from "./agreements.ts";
import { PROVIDER_ENDS_MS } from "./release-clock.ts";

export interface ConsumerTransfersDeps {
  readonly ledger: NodeServices["ledger"];
  /** UTC with Z. */
  readonly now: () => string;
  /** As it is kept here, by its `@id`. */
  readonly agreement: (id: string) => Promise<ReleaseAgreement | undefined>;
}

/** The last instant is still one of use. */
export const isExpired = (agreement: ReleaseAgreement, now: string, leftMs = 0): boolean =>
  Date.parse(now) > Date.parse(agreement["sealane:validUntil"]) + leftMs;

export function createConsumerTransfers({ ledger, now, agreement }: ConsumerTransfersDeps) {
  return async (_kept: unknown, document: Transfer): Promise<TransferMessage | undefined> => {
    const agreed = isTransferOver(document.state) ? undefined : await agreement(document.agreementId);
    if (agreed === undefined) return undefined;
    // A replica that is behind ends nothing: only what it has does.
    const isRevoked = (await standingOf(ledger, agreed)) === "revoked";
    if (isRevoked) return transferTermination(document, causeOf("agreement-revoked"));
    if (isExpired(agreed, now(), PROVIDER_ENDS_MS)) return transferTermination(document, causeOf("agreement-expired"));
    return undefined;
  };
}
