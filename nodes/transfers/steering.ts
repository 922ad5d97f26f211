/**
 * How one side steers its transfers: what it says next, from what is wanted of them and what their agreement allows, and
 * which words of the other side it does not take while it holds them.
 */
import { transferStart } from "../../exchange/transfers/compose.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import type { KeptTransfer } from "./plane-parts.ts";
import { messageOf, type Wishes } from "./wishes.ts";

export interface SteeringDeps {
  readonly wishes: Pick<Wishes, "standing" | "isHeld">;
  readonly provider: {
    /** With a fresh address, where the format has one. */
    readonly start: (kept: KeptTransfer, document: Transfer) => TransferMessage;
    readonly next: Next;
  };
  readonly consumer: { readonly next: Next };
}
type Next = (kept: KeptTransfer, document: Transfer) => Promise<TransferMessage | undefined>;

/** Messages about a pause: the other side's refusal ends nothing, and whatever else is due is said all the same. */
const isAboutPause = ({ "@type": type }: TransferMessage, { state }: Transfer): boolean =>
  type === "TransferSuspensionMessage" || (type === "TransferStartMessage" && state === "SUSPENDED");

export function createSteering({ wishes, provider, consumer }: SteeringDeps) {
  return Object.freeze({
    async next(kept: KeptTransfer): Promise<TransferMessage | undefined> {
      const { document, role } = kept.side;
      if (document === undefined) return undefined;
      const wanted = await wishes.standing(kept.pid, document.state);
      const start = () => (role === "provider" ? provider.start(kept, document) : transferStart(document));
      const word = wanted === undefined ? undefined : messageOf(wanted, document, role, start);
      const isInVain = word !== undefined && word["@type"] === kept.refusal?.type && isAboutPause(word, document);
      if (word !== undefined && !isInVain) return word;
      return await (role === "provider" ? provider : consumer).next(kept, document);
    },
    /** The protocol lets either side start again what the other has suspended; what this side holds it starts itself. */
    async mayTake({ pid, side: { role, document } }: KeptTransfer, message: TransferMessage) {
      const isStart = message["@type"] === "TransferStartMessage" && document?.state === "SUSPENDED";
      if (!isStart || !(await wishes.isHeld(pid))) return undefined;
      const detail = `the ${role} has suspended it: the ${role} starts it again`;
      return { code: "transition-not-allowed", detail };
    },
  });
}
