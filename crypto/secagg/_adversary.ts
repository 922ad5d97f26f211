/** What C, R and colluding members can compute from what a run leaked; used to show what each rule prevents. */

import { fromBase64url } from "../suites/encoding.ts";
import { type Network, names, type World } from "./_network.ts";
import { suiteIn } from "./context.ts";
import { applyMask } from "./masks.ts";
import type { InStage, MemberState } from "./member-state.ts";
import type { MessageOf, MessageType } from "./messages.ts";
import type { Sharing } from "./share-box.ts";
import { recoverSecret } from "./sharing.ts";
import { envelopeKey, maskContribution } from "./sum.ts";
import { arithmeticOf, decodeElements, periodOf, wordsOfText } from "./words.ts";

export const SECRET = 424_242n;
export const VICTIM = "m004";

/** One cell, one word, the victim's value recognisable. */
export function smallWorld(n: number, over: Partial<World> = {}): World {
  const members = names(n);
  return {
    members,
    mode: "counted",
    dimensions: [{ name: "all", size: 1 }],
    values: Object.fromEntries(members.map((member, i) => [member, [[member === VICTIM ? SECRET : BigInt(i + 1)]]])),
    constants: { colluders: 0, minimumOrganisations: 3, need: 3, drops: 0 },
    ...over,
  };
}

/** Everything a member had when it last sent a message, secrets included: for counterfactuals and for colluders. */
export type Insider = InStage<"unmasked-2">;

export interface Watched {
  readonly world: World;
  readonly states: Map<string, Insider>;
  /** State of a member just after it sent this type. */
  readonly at: (member: string, type: MessageType) => MemberState;
}

export function watched(w: World): Watched {
  const states = new Map<string, Insider>();
  const moments = new Map<string, MemberState>();
  const world: World = {
    ...w,
    intercept: (sent, network) => {
      const state = network.members.get(sent.from);
      if (state !== undefined && state.stage !== "finished") {
        states.set(sent.from, state as Insider);
        moments.set(`${sent.from}/${sent.message.type}`, state);
      }
      return w.intercept?.(sent, network) ?? [sent];
    },
  };
  return { world, states, at: (member, type) => moments.get(`${member}/${type}`)! };
}

export const messagesOf = <T extends MessageType>(network: Network, type: T, from?: string): MessageOf<T>[] =>
  network.sent
    .filter((sent) => sent.message.type === type && (from === undefined || sent.from === from))
    .map(({ message }) => message as MessageOf<T>);

/** Secret of `dealer` from the shares that these holders keep; undefined or wrong where they are too few. */
export function interpolate(
  watch: Pick<Watched, "states">,
  holders: readonly string[],
  dealer: string,
  sharing: Sharing,
): string | undefined {
  const cohort = [...watch.states.values()][0]!.opened.cohort.map(({ member }) => member);
  const shares = holders.flatMap((holder) => {
    const held = watch.states.get(holder)?.held.find((one) => one.dealer === dealer);
    return held === undefined
      ? []
      : [{ point: cohort.indexOf(holder) + 1, share: fromBase64url(held[sharing], "share") }];
  });
  return recoverSecret(shares);
}

/** Takes the masks off one phase-2 contribution with the secrets given; R's key removes the envelope. */
export function openContribution(
  network: Pick<Network, "receiverPrivateKey">,
  insider: Insider,
  contribution: MessageOf<"contribution-2">,
  secrets: { seed: string; pair: string },
): bigint {
  const { layout, cells, keyset, survivors1, keys, context2 } = insider;
  const words = cells.included.length * periodOf(layout.components);
  const vector = wordsOfText(contribution.words, "words", words);
  const base = { suite: suiteIn(insider.opened), context: context2, phase: 2 as const };
  const arithmetic = arithmeticOf(layout.components);
  const mask = new BigUint64Array(words);
  const others = keyset.filter(({ signer }) => survivors1.includes(signer));
  maskContribution(mask, base, arithmetic, { keys, seed: secrets.seed, pairPrivateKey: secrets.pair }, others);
  const own = { privateKey: network.receiverPrivateKey, side: "receiver" as const };
  applyMask(mask, envelopeKey(base, insider.opened, keys, own), "add", arithmetic);
  arithmetic.subtract(vector, mask);
  return decodeElements(vector, layout.components)[0]!;
}

export const reasonOf = (network: Network, member: string): string => {
  const state = network.members.get(member)!;
  return state.stage === "finished" ? `${state.outcome} ${state.reason ?? ""}`.trim() : state.stage;
};
