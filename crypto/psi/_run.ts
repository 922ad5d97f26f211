/** Both parties of a run in one process, every message through the bytes that it travels as. */
import { randomBytes } from "node:crypto";
import { assertCommitted, type Commitment, type PsiSide, type PsiVariant, parseCommitment } from "./commitment.ts";
import { framesOf, incomingList } from "./frames.ts";
import { maskingOf, psiKey } from "./masking.ts";
import { slowP256 } from "./openssl-p256.ts";
import { answerOf, type MaskingPort, type OwnList, ownList } from "./party.ts";

export const portOf = (run: Uint8Array, key = psiKey(randomBytes(48))): MaskingPort => {
  const masking = maskingOf(key, run, slowP256);
  return {
    maskItems: async (items) => masking.maskItems(items),
    remask: async (points) => masking.remask(points),
  };
};

const ANY_SIZE = { least: 1, most: 10_000_000 };

export interface Party {
  readonly side: PsiSide;
  readonly port: MaskingPort;
  readonly own: OwnList;
}

export async function partyOf(
  run: Uint8Array,
  variant: PsiVariant,
  side: PsiSide,
  items: readonly string[],
): Promise<Party> {
  const port = portOf(run);
  return { side, port, own: await ownList({ variant, side, run, salt: randomBytes(32) }, port, items) };
}

/** The list that came, if it is the one that was committed to. */
export function received(
  commitment: Commitment,
  run: Uint8Array,
  frames: readonly Uint8Array[],
  salt: Uint8Array,
): Uint8Array {
  const coming = incomingList({ kind: "own", run, size: commitment.size }, { sorted: true });
  const points = Buffer.concat(frames.map((frame) => coming.take(frame)));
  assertCommitted(commitment, coming.end(), salt);
  return points;
}

/** What `to` has of `from`'s list after the first round. */
export function firstRound(from: Party, run: Uint8Array): Uint8Array {
  const text = JSON.stringify(from.own.commitment);
  const { variant, side } = from.own.commitment;
  const commitment = parseCommitment(text, { run: from.own.commitment.run, variant, side }, ANY_SIZE);
  return received(commitment, run, framesOf(from.own.list, from.own.points), from.own.salt);
}

/** What the asker has to compare at the end of a run of two. */
export async function runOf(variant: Exclude<PsiVariant, "join">, asks: readonly string[], holds: readonly string[]) {
  const run = new Uint8Array(randomBytes(16));
  const asker = await partyOf(run, variant, "asker", asks);
  const holder = await partyOf(run, variant, "holder", holds);
  const answer = answerOf(variant, await holder.port.remask(firstRound(asker, run)));
  const list = { kind: "asked", run, size: asks.length } as const;
  const coming = incomingList(list, { sorted: variant === "cardinality" });
  const answered = Buffer.concat(framesOf(list, answer).map((frame) => coming.take(frame)));
  coming.end();
  const others = await asker.port.remask(firstRound(holder, run));
  return { run, asker, holder, answered, others };
}
