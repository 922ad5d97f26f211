/**
 * Messages over one connection, both ways: four bytes of length (big-endian), then so many bytes. Nothing about it lasts
 * without an end: neither silence, nor a message that comes in slowly, nor one that does not leave.
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
  /** Milliseconds from the first byte of a message to its last; a slower one closes the connection. */
  readonly frameMs: number;
  /** Milliseconds in which nothing is heard and nothing sent, or what was sent does not leave, that close the connection. */
  readonly idleMs: number;
  /**
   * Whoever reads slowly is not listened to until what was sent has left, so that what waits for it stays bounded. Only
   * one end may do so: two would wait for each other for ever.
   */
  readonly pausesReading: boolean;
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
  const end = (): void => void socket.destroy();
  const idle = setTimeout(end, options.idleMs);
  let arriving: NodeJS.Timeout | undefined;
  let leaving: NodeJS.Timeout | undefined;

  const isTaken = (bytes: number): boolean => bytes > 0 && bytes <= options.maxBytes;

  function read(chunk: Buffer): void {
    idle.refresh();
    for (let at = 0; at < chunk.length && !socket.destroyed; ) {
      const copied = chunk.copy(into, filled, at);
      at += copied;
      filled += copied;
      if (filled === into.length) next();
    }
    const isWithin = into !== length || filled > 0;
    if (isWithin && !socket.destroyed) arriving ??= setTimeout(end, options.frameMs);
  }

  function next(): void {
    const whole = into;
    filled = 0;
    into = length;
    if (whole !== length) {
      clearTimeout(arriving);
      arriving = undefined;
      options.onMessage(whole);
    } else if (isTaken(length.readUInt32BE(0))) into = Buffer.allocUnsafe(length.readUInt32BE(0));
    else end();
  }

  function drained(): void {
    clearTimeout(leaving);
    leaving = undefined;
    socket.resume();
  }

  socket.setNoDelay(true);
  // Its own looks at what is being written and gives that twice the time.
  socket.setTimeout(0);
  socket.on("drain", drained);
  socket.on("error", end);
  socket.once("end", end);
  socket.once("close", () => {
    for (const timer of [idle, arriving, leaving]) clearTimeout(timer);
    options.onClose();
  });
  socket.on("data", read);
  if (head.length > 0) read(head);

  return Object.freeze({
    send(message: Uint8Array | string) {
      if (socket.destroyed) return;
      const frame = Buffer.allocUnsafe(LENGTH_BYTES + Buffer.byteLength(message));
      frame.writeUInt32BE(frame.length - LENGTH_BYTES);
      if (typeof message === "string") frame.write(message, LENGTH_BYTES);
      else frame.set(message, LENGTH_BYTES);
      idle.refresh();
      if (socket.write(frame)) return;
      leaving ??= setTimeout(end, options.idleMs);
      if (options.pausesReading) socket.pause();
    },
    close: end,
  });
}
