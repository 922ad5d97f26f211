/** The sequencer's answers to replicas: long polls over its own chain. */
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { parseCheckpoint } from "../log/checkpoint.ts";
import { LogError } from "../log/errors.ts";
import { LedgerError } from "../port.ts";
import { MAX_SUBMIT, type SequencerApi } from "./sequencer-api.ts";
import type { SequencerCore } from "./sequencer-core.ts";

const MAX_WAIT_MS = 60_000;
const MAX_BATCH_ENTRIES = 5_000;

export function createSequencerApi(core: SequencerCore, own: Pick<SequencerApi, "submit" | "present">): SequencerApi {
  const { chain } = core;

  /** The first defined answer of `look`, tried again at every change until `waitMs` have passed. */
  async function waitFor<T>(look: () => Promise<T | undefined>, waitMs: number): Promise<T | undefined> {
    // Called off with the answer: a timeout of its own would lie about, with what waits for it, until its time has come.
    const waiting = new AbortController();
    const stop = () => waiting.abort(null);
    const timer = setTimeout(stop, Math.min(Math.max(waitMs, 0), MAX_WAIT_MS));
    core.signal.addEventListener("abort", stop);
    if (core.signal.aborted) stop();
    try {
      while (true) {
        const changed = chain.bell.wait(waiting.signal);
        const answer = await look();
        if (answer !== undefined) return answer;
        // What was signed or acknowledged before it stopped is still told: the others go on from there.
        const halted = core.halted();
        if (halted !== undefined) throw halted;
        if (waiting.signal.aborted) return undefined;
        await changed;
      }
    } finally {
      clearTimeout(timer);
      core.signal.removeEventListener("abort", stop);
      stop();
    }
  }

  const acknowledged: SequencerApi["acknowledged"] = ({ size, waitMs }) =>
    waitFor(async () => {
      if (chain.head().size === size) return chain.head().checkpoint;
      return chain.head().size > size ? chain.acknowledgedAt(size) : undefined;
    }, waitMs);

  return Object.freeze<SequencerApi>({
    async submit(transactions, from) {
      if (transactions.length > MAX_SUBMIT) {
        throw new LedgerError("ERR_LEDGER_FULL", `submit: at most ${MAX_SUBMIT} at once, got ${transactions.length}`);
      }
      return own.submit(transactions, from);
    },
    present: own.present,
    async batches({ from, limit, waitMs }) {
      const found = await waitFor(async () => {
        const batches = await chain.batches(from, Math.min(limit, MAX_BATCH_ENTRIES));
        if (batches === undefined) throw new LedgerError("ERR_LEDGER_FORK", `batches: none begins at ${from}`);
        return batches.length === 0 ? undefined : batches;
      }, waitMs);
      return found ?? [];
    },
    acknowledged,
    async cosign({ member, note, waitMs }) {
      const halted = core.halted();
      if (halted !== undefined) throw halted;
      let size: number;
      try {
        core.collector()?.add(member, note);
        size = parseCheckpoint(note).checkpoint.size;
      } catch (error) {
        if (error instanceof LogError) throw new LedgerError("ERR_LEDGER_REJECTED", error.message, { cause: error });
        throw error;
      }
      return acknowledged({ size, waitMs });
    },
    async consistencyProof({ from, to }) {
      const end = chain.tail()?.prepared.range.size ?? chain.head().size;
      if (to > end) throw new LedgerError("ERR_LEDGER_REJECTED", `to: expected at most ${end}, got ${to}`);
      try {
        return (await chain.consistency(from, to)).map(toBase64url);
      } catch (error) {
        if (error instanceof LogError) throw new LedgerError("ERR_LEDGER_REJECTED", error.message, { cause: error });
        throw error;
      }
    },
  });
}
