/**
 * Messages over one connection, both ways: four bytes of length (big-endian), then so many bytes. Whoever reads slowly
 * is not listened to until what was written has left, so that what waits for it stays bounded.
 */
import type { Socket } from "node:net";

export interface Frames {
  /** Nothing happens once the connection is closed. */
  send(message: Uint8Array | string): void;
  /** Closes the connection at once. Idempotent. */
  close(): void;
}

export interface FramesOptions {
  /** Bytes of the longest message that is taken; a longer one closes the connection before it is read. */
  readonly maxBytes: number;
  /** Milliseconds without a byte in either direction that close the connection. */
  readonly idleMs: number;
  readonly onMessage: (message: Buffer) => void;
  /** Called once. */
  readonly onClose: () => void;
}

const LENGTH_BYTES = 4;

/** Takes the socket over; `head` are bytes of it that were read already. */
export function openFrames(socket: Socket, head: Buffer, options: FramesOptions): Frames {
  const length = Buffer.alloc(LENGTH_BYTES);
  // Where the next byte goes: the length first, then as many bytes as it says. Small pieces take no room of their own.
  let into = length;
  let filled = 0;

  const isTaken = (bytes: number): boolean => bytes > 0 && bytes <= options.maxBytes;

  function read(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !socket.destroyed; ) {
      const copied = chunk.copy(into, filled, at);
      at += copied;
      filled += copied;
      if (filled === into.length) next();
    }
  }

  function next(): void {
    const whole = into;
    filled = 0;
    into = length;
    if (whole !== length) options.onMessage(whole);
    else if (isTaken(length.readUInt32BE(0))) into = Buffer.allocUnsafe(length.readUInt32BE(0));
    else socket.destroy();
  }

  socket.setNoDelay(true);
  socket.setTimeout(options.idleMs, () => socket.destroy());
  socket.on("drain", () => socket.resume());
  socket.on("error", () => socket.destroy());
  socket.once("end", () => socket.destroy());
  socket.once("close", options.onClose);
  socket.on("data", read);
  if (head.length > 0) read(head);

  return Object.freeze({
    send(message: Uint8Array | string) {
      if (socket.destroyed) return;
      const frame = Buffer.allocUnsafe(LENGTH_BYTES + Buffer.byteLength(message));
      frame.writeUInt32BE(frame.length - LENGTH_BYTES);
      if (typeof message === "string") frame.write(message, LENGTH_BYTES);
      else frame.set(message, LENGTH_BYTES);
      if (!socket.write(frame)) socket.pause();
    },
    close: () => void socket.destroy(),
  });
}
