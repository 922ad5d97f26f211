/**
 * Coordinator, receiver and t − 1 of the members put together everything they saw and keep: once in an honest run, and
 * once where the coordinator holds one contribution back, declares it dropped, and takes it afterwards.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readComputationOpened } from "../../chaincode/rules/keys.ts";
import { type Insider, interpolate, openContribution } from "../../crypto/secagg/_adversary.ts";
import { twoThirds } from "../../crypto/secagg/constants.ts";
import type { MessageOf } from "../../crypto/secagg/messages.ts";
import type { ReceiverKeyPair } from "../../crypto/secagg/receiver.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { skippingDeadlines } from "../computations/_deadlines.ts";
import type { Transcript } from "../computations/context.ts";
import { Accepted, paths } from "../computations/peer-messages.ts";
import { openedReceiverKey } from "../computations/receiver-keys.ts";
import { answerOf, contentOf } from "./_calls.ts";
import {
  type Attacked,
  asked,
  attackedNetwork,
  closedSet,
  ended,
  figureOf,
  opened,
  PROVIDERS,
  spokenIn,
  sumOf,
  taxOf,
  tenthsOf,
} from "./_network.ts";

const COLLUDERS = ["alpha", "delta", "omega"];
const [VICTIM, OTHER] = ["beta", "gamma"] as const;

/** One run with everything that C and R have seen, and what every member had on disk at its first answer of phase 2. */
interface Spied {
  readonly year: string;
  readonly survivors: readonly string[];
  readonly released: string;
  readonly transcript: Transcript;
  readonly receiver: ReceiverKeyPair;
  readonly contributions: ReadonlyMap<string, MessageOf<"contribution-2">>;
  readonly states: Map<string, Insider>;
  /** C's answer to the contribution that was held back, once the set was closed. */
  readonly late?: unknown;
}

async function spiedRun({ network, fronts }: Attacked, year: string, heldBack?: string): Promise<Spied> {
  const run = await asked(network, taxOf(year));
  const contributions = new Map<string, MessageOf<"contribution-2">>();
  const states = new Map<string, Insider>();
  let receiver: ReceiverKeyPair | undefined;
  let transcript: Transcript | undefined;
  let snapshot: Promise<void> | undefined;
  let isHolding = heldBack !== undefined;
  async function takeSnapshot() {
    for (const member of PROVIDERS) {
      const { inflight } = network.net.node(member).services;
      states.set(member, (await inflight.get<Insider>(`${run.computation}-member`))!);
    }
    const { inflight, ledger } = network.net.node("bureau").services;
    receiver = await openedReceiverKey(inflight, (await readComputationOpened(ledger, run.computation))!.body);
  }
  fronts.operator.lie(async (call, next) => {
    const message = spokenIn(call, run);
    if (message?.type === "contribution-2") {
      contributions.set(call.from, message);
      if (isHolding && call.from === heldBack) return answerOf({ accepted: true });
    }
    if (message?.type === "unmask-2") {
      snapshot ??= takeSnapshot();
      await snapshot;
    }
    return await next();
  });
  fronts.bureau.lie(async ({ path, body }, next) => {
    if (path === paths.transcript(run.computation)) transcript = contentOf<Transcript>({ body });
    return await next();
  });
  await opened(network, run);
  const from = () => (heldBack !== undefined && contributions.has(heldBack) ? [heldBack] : []);
  const survivors = await skippingDeadlines(network, { from }, closedSet(network, run, 2));
  isHolding = false;
  const late = heldBack === undefined ? undefined : await handedIn(network.net.node(heldBack).services);
  expect(await skippingDeadlines(network, { from }, ended(network, run))).toMatchObject({ state: "released" });
  const released = (await figureOf(network, run))!;
  return { year, survivors, released, transcript: transcript!, receiver: receiver!, contributions, states, late };

  async function handedIn({ peers, members, member }: Attacked["network"]["net"]["operator"]["services"]) {
    const body = contributions.get(member);
    const call = { method: "POST" as const, path: paths.messages(run.computation), response: Accepted, body };
    return await peers.call(await members.target("operator"), call).then(
      () => "accepted",
      (error: unknown) => (error as { answer?: { status: number } }).answer?.status,
    );
  }
}

/** What the coalition reads from one contribution with these secrets and the receiver's key. */
const opens = (spied: Spied, member: string, secrets: { readonly seed: string; readonly pair: string }): bigint =>
  openContribution(
    { receiverPrivateKey: spied.receiver.privateKey },
    spied.states.get(member)!,
    spied.contributions.get(member)!,
    secrets,
  );
const held = (spied: Spied, holders: readonly string[], dealer: string, sharing: "self2" | "pair2"): string =>
  interpolate(spied, holders, dealer, sharing) ?? toBase64url(new Uint8Array(32).fill(9));
const recovered = ({ transcript }: Spied, member: string) =>
  transcript.result.secrets.find((secret) => secret.member === member)!;
const figure = (member: string, { year }: Spied) => BigInt(tenthsOf("tax", member, year));
const tenths = (text: string) => Math.round(10 * Number(text));

describe("coordinator, receiver and t − 1 members together", () => {
  let world: Attacked;
  let honest: Spied;
  let bent: Spied;

  beforeAll(async () => {
    world = await attackedNetwork();
    honest = await spiedRun(world, "1990");
    bent = await spiedRun(world, "1991", OTHER);
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test("P-only-sums: learn the sum of the honest members' figures, and none of them", () => {
    expect(COLLUDERS).toHaveLength(twoThirds(PROVIDERS.length) - 1);
    const { released, year } = honest;
    const sum = Number(figure(VICTIM, honest) + figure(OTHER, honest));
    expect(tenths(released) - tenths(sumOf("tax", year, COLLUDERS))).toBe(sum);
    for (const [member, other] of [
      [VICTIM, OTHER],
      [OTHER, VICTIM],
    ] as const) {
      expect(recovered(honest, member)).toMatchObject({ kind: "self" });
      const seed = recovered(honest, member).secret;
      const guess = held(honest, COLLUDERS, member, "pair2");
      expect(opens(honest, member, { seed, pair: guess })).not.toBe(figure(member, honest));
      // One holder more would have been one too many.
      const pair = held(honest, [...COLLUDERS, other], member, "pair2");
      expect(opens(honest, member, { seed, pair })).toBe(figure(member, honest));
    }
  });

  test("P-closed-out P-one-kind: a member declared dropped is out for good, and its late words stay masked", () => {
    expect(bent.survivors).toEqual(PROVIDERS.filter((member) => member !== OTHER));
    expect(bent.late).toBe(400);
    expect(bent.released).toBe(sumOf("tax", bent.year, bent.survivors));
    const { secrets } = bent.states.get(OTHER)!;
    // Its pair key of phase 2 came out, so its self seed must not; the seed of phase 1, which is out, is another one.
    expect(recovered(bent, OTHER)).toMatchObject({ kind: "pair", secret: secrets.pair2 });
    const pair = secrets.pair2;
    for (const seed of [held(bent, COLLUDERS, OTHER, "self2"), secrets.seed1]) {
      expect(opens(bent, OTHER, { seed, pair })).not.toBe(figure(OTHER, bent));
    }
    // One share of the other kind would have opened it.
    const seed = held(bent, [...COLLUDERS, VICTIM], OTHER, "self2");
    expect(opens(bent, OTHER, { seed, pair })).toBe(figure(OTHER, bent));
  });

  test("P-only-sums: a coordinator with more than c colluders can leave one honest member alone among them", () => {
    // Not protected, and said so: need = max(m, 3 + c) counts c colluders in. Here c is 0 and there are three.
    expect(bent.survivors).toEqual([...COLLUDERS, VICTIM].sort());
    const sum = tenths(bent.released) - tenths(sumOf("tax", bent.year, COLLUDERS));
    expect(BigInt(sum)).toBe(figure(VICTIM, bent));
  });
});
