/**
 * How many agreements on records of one asset one consumer holds here. Streams and calls are counted for a consumer and
 * an asset whatever the agreement; the file that each agreement has is bounded by their number.
 */
import { readAgreement } from "../../chaincode/rules/keys.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import type { NodeServices } from "../runtime/services.ts";
import type { RecordStore } from "../store/records.ts";

/** A consumer needs one for each thing that it declares. */
export const MOST_AGREEMENTS = 16;
/** An agreement that is not on the ledger after so long will not be. */
const CONCLUDING_MS = 24 * 60 * 60_000;

/** UTC with Z. */
export interface HeldMark {
  readonly since: string;
  readonly validUntil: string;
}

export interface HeldAgreements {
  isFull(consumer: string, asset: string): Promise<boolean>;
  /**
   * On disk before the agreement is concluded, each time that this is tried. False: there is room for no more. The same
   * id again is the same one.
   */
  hold(consumer: string, asset: string, agreement: string, validUntil: string): Promise<boolean>;
  /** It was not concluded. */
  drop(consumer: string, asset: string, agreement: string): Promise<void>;
}

export function createHeldAgreements(deps: {
  /** By consumer, asset and agreement. */
  readonly marks: RecordStore<HeldMark>;
  readonly ledger: NodeServices["ledger"];
  readonly now: () => string;
}): HeldAgreements {
  const { marks } = deps;
  const oneAtATime = createKeyedLock();
  const idOf = (consumer: string, asset: string, agreement: string) => `${prefixOf(consumer, asset)}${agreement}`;
  const prefixOf = (consumer: string, asset: string) => `${consumer} ${asset} `;

  async function isOver(agreement: string, { since, validUntil }: HeldMark): Promise<boolean> {
    const now = Date.parse(deps.now());
    if (Date.parse(validUntil) < now) return true;
    const found = await readAgreement(deps.ledger, agreement);
    return found === undefined ? Date.parse(since) + CONCLUDING_MS < now : found.state === "revoked";
  }

  /** Called under the lock. Drops those that are over: nothing begins them again. */
  async function hasNoRoom(consumer: string, asset: string): Promise<boolean> {
    const prefix = prefixOf(consumer, asset);
    let count = 0;
    for await (const [id, mark] of marks.entries(prefix)) {
      if (await isOver(id.slice(prefix.length), mark)) await marks.delete(id);
      else count += 1;
    }
    return count >= MOST_AGREEMENTS;
  }

  return Object.freeze({
    isFull: (consumer: string, asset: string) =>
      oneAtATime(prefixOf(consumer, asset), () => hasNoRoom(consumer, asset)),
    hold: (consumer: string, asset: string, agreement: string, validUntil: string) =>
      oneAtATime(prefixOf(consumer, asset), async () => {
        const id = idOf(consumer, asset, agreement);
        // What is tried again may have been tried long ago: its mark must not pass for one that came to nothing.
        if ((await marks.get(id)) === undefined && (await hasNoRoom(consumer, asset))) return false;
        await marks.put(id, { since: deps.now(), validUntil });
        return true;
      }),
    drop: (consumer: string, asset: string, agreement: string) =>
      oneAtATime(prefixOf(consumer, asset), () => marks.delete(idOf(consumer, asset, agreement))),
  });
}
