/**
 * The SequencerApi from another machine: what a replica uses. Data nodes only call out. The calls go as messages over
 * one connection where that can be had, and as HTTPS calls of their own otherwise.
 */
import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import type { LogBatch, SequencerApi, SubmitAnswer } from "../../ledger/embedded/sequencer-api.ts";
import { LEDGER_ERRORS, LedgerError } from "../../ledger/port.ts";
import type { PeerCall, PeerClient } from "./client.ts";
import { type LedgerChannel, openLedgerChannel } from "./ledger-channel.ts";
import {
  type Answered,
  type Asked,
  LEDGER_CALLS,
  type LedgerCall,
  MAX_BATCH_ENTRIES,
  MAX_WAIT_MS,
} from "./ledger-messages.ts";
import type { PeerTarget } from "./member-directory.ts";
import { PeerError } from "./peer-error.ts";

/** Beyond the wait that was asked for: the way there and back, and the quorum's time for a submission. */
const ANSWER_MS = 45_000;
/** After a connection could not be had. */
const CALLS_ONLY_MS = 30_000;

const answeredOf = Object.fromEntries(
  Object.entries(LEDGER_CALLS).map(([call, { answered }]) => [call, Compile(answered as TSchema)]),
) as unknown as Readonly<Record<LedgerCall, Validator>>;

/** `sequencer` is asked before every call, so that a replaced sequencer or a new TLS key counts at once. */
export function createSequencerClient(deps: {
  readonly peers: Pick<PeerClient, "call" | "connect">;
  readonly sequencer: () => Promise<PeerTarget>;
}): SequencerApi {
  let current: { readonly to: string; readonly channel: Promise<LedgerChannel | undefined> } | undefined;

  /** Undefined while calls are made one by one. */
  function channelTo(target: PeerTarget): Promise<LedgerChannel | undefined> {
    const to = JSON.stringify(target);
    if (current?.to === to) return current.channel;
    void current?.channel.then((old) => old?.close());
    const forget = () => {
      if (current === opening) current = undefined;
    };
    const channel = openLedgerChannel(deps.peers, target, forget).catch(() => {
      setTimeout(forget, CALLS_ONLY_MS).unref();
      return undefined;
    });
    const opening = { to, channel };
    current = opening;
    return channel;
  }

  async function ask<C extends LedgerCall>(call: C, asked: Asked<C>, waitMs = 0): Promise<Answered<C>> {
    try {
      const target = await deps.sequencer();
      const timeoutMs = waitMs + ANSWER_MS;
      const open = await channelTo(target);
      if (open === undefined) return (await askAlone(target, { ...httpCallOf(call, asked), timeoutMs })) as Answered<C>;
      const answered = await open.ask(call, asked, timeoutMs);
      if (answeredOf[call].Check(answered)) return answered as Answered<C>;
      throw new PeerError("ERR_PEER_PROTOCOL", `${call} at ${target.member}: not what its schema says`);
    } catch (error) {
      throw asLedgerError(error);
    }
  }

  async function askAlone(target: PeerTarget, call: PeerCall<TSchema>): Promise<unknown> {
    const without = current;
    try {
      return await deps.peers.call(target, { ...call, attempts: 1 });
    } catch (error) {
      // Nobody is there at all, so it was not the connection: the next call tries one again.
      if (error instanceof PeerError && error.answer === undefined && current === without) current = undefined;
      throw error;
    }
  }

  const short = (waitMs: number): number => Math.min(waitMs, MAX_WAIT_MS);
  return Object.freeze<SequencerApi>({
    async submit(transactions) {
      const { answers } = await ask("submit", { transactions: transactions as never });
      return answers as unknown as readonly SubmitAnswer[];
    },
    async batches({ from, limit, waitMs }) {
      const asked = { from, limit: Math.min(limit, MAX_BATCH_ENTRIES), waitMs: short(waitMs) };
      return (await ask("batches", asked, asked.waitMs)).batches as unknown as readonly LogBatch[];
    },
    acknowledged: async ({ size, waitMs }) =>
      (await ask("acknowledged", { size, waitMs: short(waitMs) }, short(waitMs))).checkpoint,
    cosign: async ({ note, waitMs }) =>
      (await ask("cosign", { note, waitMs: short(waitMs) }, short(waitMs))).checkpoint,
    async present({ checkpoint }) {
      await ask("present", checkpoint === undefined ? {} : { checkpoint });
    },
    consistencyProof: async (asked) => (await ask("consistency", asked)).proof,
  });
}

/** The same call as an HTTP request of its own. */
export function httpCallOf<C extends LedgerCall>(call: C, asked: Asked<C>): PeerCall<TSchema> {
  const { method, path, answered: response } = LEDGER_CALLS[call];
  if (method === "POST") return { method, path, body: asked, response };
  const { size, ...rest } = asked as { readonly size?: number };
  const query = Object.entries(rest).map(([name, value]) => `${name}=${value}`);
  return { method, path: `${path}${size === undefined ? "" : `/${size}`}?${query.join("&")}`, response };
}

function asLedgerError(error: unknown): unknown {
  if (!(error instanceof PeerError)) return error;
  const code = LEDGER_ERRORS.find((known) => known === error.answer?.code) ?? "ERR_LEDGER_UNREACHABLE";
  return new LedgerError(code, `sequencer: ${error.message}`, { cause: error });
}
