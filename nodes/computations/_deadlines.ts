/**
 * For runs that somebody stays away from: the clock goes to the end of a step as soon as everybody else has done
 * theirs. So such a run takes no longer than a complete one, and on a slow machine nobody else misses a deadline.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { readComputation, readComputationStep } from "../../chaincode/rules/keys.ts";
import { endOf, everyone, holdersOf } from "../../crypto/secagg/coordinator-sends.ts";
import type { CoordinatorState } from "../../crypto/secagg/coordinator-state.ts";
import type { Network } from "./_network.ts";
import { OVER } from "./leftovers.ts";

const POLL_MS = 25;
/** As long as a receiver waits for objections; it is given less where the release is due before. */
const OBJECTION_MS = 10_000;

interface Away {
  /** Who says nothing more about a computation. */
  readonly from: (computation: string) => readonly string[];
  /** Nothing is skipped before these are open. */
  readonly computations?: readonly string[];
  /** A coordinator of many members has a state of megabytes: looking at it must not be what it waits for. */
  readonly pollMs?: number;
}

/** Resolves as `end` does. */
export async function skippingDeadlines<T>(network: Network, away: Away, end: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  end.then(over, over);
  while (!isOver) {
    await skip(network, away);
    await sleep(away.pollMs ?? POLL_MS);
  }
  return await end;
}

async function skip({ net, clock }: Network, { from, computations = [] }: Away): Promise<void> {
  const coordinator = net.nodes.get("operator");
  if (coordinator === undefined) return;
  const { ledger, inflight } = coordinator.services;
  const names = await inflight.names();
  const ids = names
    .filter((name) => name.endsWith("-coordinator"))
    .map((name) => name.slice(0, -"-coordinator".length));
  for (const id of computations.filter((one) => !ids.includes(one))) {
    const state = (await readComputation(ledger, id))?.state;
    if (state === undefined || !OVER.includes(state)) return;
  }
  const ends: number[] = [];
  for (const id of ids) {
    const state = await inflight.get<CoordinatorState>(`${id}-coordinator`);
    if (state === undefined) continue;
    const end = state.stage === "delivered" ? await objectionsEnd(id) : waitsUntil(state, from(id));
    if (end === "works") return;
    if (end !== undefined) ends.push(end);
  }
  if (ends.length > 0) clock.moveTo(Math.min(...ends));

  /** Whom the closing of the values left out may object; who is away does not. */
  async function objectionsEnd(id: string): Promise<number | undefined> {
    const step = (name: "maskset" | "close-1" | "close-2") => readComputationStep(ledger, id, name);
    const [maskset, close1, close2] = await Promise.all([step("maskset"), step("close-1"), step("close-2")]);
    const able = close1?.members ?? maskset?.members ?? [];
    const left = able.filter((member) => !close2?.members.includes(member));
    const isQuiet = left.length > 0 && left.every((member) => from(id).includes(member));
    const end = Date.parse(close2?.time ?? "") + OBJECTION_MS;
    return isQuiet && end > clock.time() ? end : undefined;
  }
}

/** `works`: somebody else is still to speak, or the ledger. */
function waitsUntil(state: CoordinatorState, away: readonly string[]): number | "works" | undefined {
  const awaited = awaitedIn(state);
  if (awaited === undefined) return state.stage === "finished" || state.stage === "failing" ? undefined : "works";
  return awaited.every((member) => away.includes(member)) ? endOf(state) : "works";
}

/** Members whose word would let the coordinator go on at once. */
function awaitedIn(state: CoordinatorState): readonly string[] | undefined {
  switch (state.stage) {
    case "keys":
      return everyone(state).filter((member) => !(member in state.keys || member in state.refusals));
    case "reveals":
      return holdersOf(state).filter((member) => !(member in state.revealed));
    case "shares":
      return holdersOf(state).filter((member) => !(member in state.dealt || member in state.refusals));
    case "accepts":
      return holdersOf(state).filter((member) => !(member in state.accepts || member in state.refusals));
    case "contributions":
      return state.round.allowed.filter((member) => !(member in state.round.contributions));
    default:
      return undefined;
  }
}
