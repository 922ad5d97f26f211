/** The ledger's connection through a front: each message is shown as the HTTP call that it stands for. */
import type { Socket } from "node:net";
import { type Frames, type FramesOptions, openFrames } from "../peer/frames.ts";
import { CHANNEL_IDLE_MS, type LedgerCall } from "../peer/ledger-messages.ts";
import { httpCallOf } from "../peer/sequencer-client.ts";
import type { Answer, Call } from "./_calls.ts";
import { pour } from "./_pour.ts";

interface End {
  readonly socket: Socket;
  /** Of what it says, what was read already. */
  readonly head: Buffer;
}

type Told = { readonly id: number } & (
  | { readonly answered: unknown }
  | { readonly refused: { readonly status: number; readonly code: string; readonly detail: string } }
);

const MAX_BYTES = 1 << 26;

/** Until one of the ends closes; then both do. */
export function passMessages(
  { replica, node }: { readonly replica: End; readonly node: End },
  judged: (call: Omit<Call, "from">, forward: () => Promise<Answer>) => Promise<Answer>,
): void {
  const waiting = new Map<number, (told: Told, message: Buffer) => void>();
  const toNode = framesOf(node, {
    pausesReading: false,
    onMessage(message) {
      const told = JSON.parse(message.toString("utf8")) as Told;
      waiting.get(told.id)?.(told, message);
    },
    onClose: () => replica.socket.destroy(),
  });
  const toReplica = framesOf(replica, {
    pausesReading: true,
    onMessage: (message) => void pass(message).catch(() => replica.socket.destroy()),
    onClose: () => node.socket.destroy(),
  });

  async function pass(message: Buffer): Promise<void> {
    const { id, call, asked } = JSON.parse(message.toString("utf8")) as { id: number; call: LedgerCall; asked: never };
    const { method, path, body } = httpCallOf(call, asked);
    let honest: { readonly answer: Answer; readonly message: Buffer } | undefined;
    const forward = async (): Promise<Answer> => {
      const answer = await new Promise<{ told: Told; message: Buffer }>((resolve) => {
        waiting.set(id, (told, bytes) => resolve({ told, message: bytes }));
        toNode.send(message);
      });
      waiting.delete(id);
      honest = { answer: answerIn(answer.told), message: answer.message };
      return honest.answer;
    };
    const said = await judged(
      { method, path, body: Buffer.from(body === undefined ? "" : JSON.stringify(body)) },
      forward,
    );
    const bytes = said === honest?.answer ? honest.message : Buffer.from(JSON.stringify(told(id, said)));
    if (said.breaks === undefined) return toReplica.send(bytes);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(said.breaks === "off" ? bytes.length : 2 ** 32 - 1);
    replica.socket.write(length);
    if (said.breaks === "never") pour(replica.socket);
    else replica.socket.end(bytes.subarray(0, bytes.length >> 1));
  }
}

const framesOf = (
  { socket, head }: End,
  options: Pick<FramesOptions, "pausesReading" | "onMessage" | "onClose">,
): Frames =>
  openFrames(socket, head, { maxBytes: MAX_BYTES, frameMs: CHANNEL_IDLE_MS, idleMs: CHANNEL_IDLE_MS, ...options });

function answerIn(told: Told): Answer {
  if ("answered" in told) return { status: 200, body: Buffer.from(JSON.stringify(told.answered)) };
  const { status, ...problem } = told.refused;
  return { status, body: Buffer.from(JSON.stringify(problem)) };
}

function told(id: number, { status, body }: Answer): Told {
  const content: unknown = JSON.parse(body.toString("utf8"));
  if (status === 200) return { id, answered: content };
  const { code = "", detail = code } = content as { readonly code?: string; readonly detail?: string };
  return { id, refused: { status, code, detail } };
}
