/** A replica's end of the connection over which it asks the sequencer: see routes/ledger/channel.ts. */
import { Compile } from "typebox/compile";
import type { PeerClient, PeerConnection } from "./client.ts";
import { openFrames } from "./frames.ts";
import {
  CHANNEL_IDLE_MS,
  CHANNEL_PATH,
  CHANNEL_PROTOCOL,
  ChannelAnswer,
  LEDGER_CALLS,
  type LedgerCall,
} from "./ledger-messages.ts";
import type { PeerTarget } from "./member-directory.ts";
import { PeerError } from "./peer-error.ts";
import { parseWireJson } from "./wire-json.ts";

export interface LedgerChannel {
  /** The answer, not checked yet. Throws PeerError. */
  ask(call: LedgerCall, asked: unknown, timeoutMs: number): Promise<unknown>;
  close(): void;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const channelAnswer = Compile(ChannelAnswer);

interface Waiting {
  readonly what: string;
  readonly path: string;
  resolve(answered: unknown): void;
  reject(error: PeerError): void;
}

/** `onClose` is called once. Throws PeerError where there is no way to such a connection. */
export async function openLedgerChannel(
  peers: Pick<PeerClient, "connect">,
  target: PeerTarget,
  onClose: () => void,
): Promise<LedgerChannel> {
  const { socket, observe }: PeerConnection = await peers.connect(target, CHANNEL_PATH, CHANNEL_PROTOCOL);
  const waiting = new Map<number, Waiting>();
  let asked = 0;

  const frames = openFrames(socket, Buffer.alloc(0), {
    maxBytes: MAX_ANSWER_BYTES,
    idleMs: CHANNEL_IDLE_MS,
    onMessage(message) {
      try {
        hear(message);
      } catch (cause) {
        end(new PeerError("ERR_PEER_PROTOCOL", `ledger channel of ${target.member}: not an answer`, { cause }));
      }
    },
    onClose() {
      onClose();
      end(new PeerError("ERR_PEER_UNREACHABLE", `ledger channel of ${target.member}: closed`));
    },
  });

  function hear(message: Buffer): void {
    const answer: unknown = parseWireJson(message);
    if (!channelAnswer.Check(answer)) throw new TypeError("answer: not of its schema");
    const waiter = waiting.get(answer.id);
    // Given up meanwhile.
    if (waiter === undefined) return;
    waiting.delete(answer.id);
    observe("received", waiter.path, message);
    if ("answered" in answer) waiter.resolve(answer.answered);
    else waiter.reject(refusal(waiter.what, answer.refused));
  }

  function end(error: PeerError): void {
    frames.close();
    for (const waiter of waiting.values()) waiter.reject(error);
    waiting.clear();
  }

  return Object.freeze({
    ask(call: LedgerCall, body: unknown, timeoutMs: number) {
      const id = ++asked;
      const what = `${call} at ${target.member}`;
      const { path } = LEDGER_CALLS[call];
      const message = Buffer.from(JSON.stringify({ id, call, asked: body }));
      return new Promise<unknown>((resolve, reject) => {
        // Of a connection that lost an answer nothing more can be told.
        const timer = setTimeout(() => end(new PeerError("ERR_PEER_TIMEOUT", `${what}: no answer in time`)), timeoutMs);
        waiting.set(id, {
          what,
          path,
          resolve(answered) {
            clearTimeout(timer);
            resolve(answered);
          },
          reject(error) {
            clearTimeout(timer);
            reject(error);
          },
        });
        observe("sent", path, message);
        frames.send(message);
      });
    },
    close: frames.close,
  });
}

const refusal = (what: string, { status, code, detail }: { status: number; code: string; detail: string }): PeerError =>
  new PeerError("ERR_PEER_REFUSED", `${what}: answered ${status} ${code}: ${detail.slice(0, 500)}`, {
    answer: { status, code },
  });
