/**
 * Buffers for answers, used again once an answer is sent: new ones for each are what the collector of a busy node would
 * mostly run for. Their sizes are powers of two; a few of each are kept.
 */

export interface ReusedBuffers {
  /** At least so many bytes, whatever is in them. */
  take(bytes: number): Buffer;
  /** What was taken, or a part of it. Nobody reads it any more. */
  giveBack(buffer: Buffer): void;
}

const LEAST_BYTES = 4 * 1024;
const MOST_BYTES = 1024 * 1024;
/** Of each size. */
const KEPT_BYTES = 4 * 1024 * 1024;

export function createReusedBuffers(): ReusedBuffers {
  const free = new Map<number, ArrayBufferLike[]>();
  return Object.freeze({
    take(bytes: number) {
      if (bytes > MOST_BYTES) return Buffer.allocUnsafeSlow(bytes);
      const size = Math.max(LEAST_BYTES, 2 ** Math.ceil(Math.log2(bytes)));
      const known = free.get(size)?.pop();
      return known === undefined ? Buffer.allocUnsafeSlow(size) : Buffer.from(known);
    },
    giveBack({ buffer }: Buffer) {
      const size = buffer.byteLength;
      if (size > MOST_BYTES) return;
      const some = free.get(size) ?? [];
      if ((some.length + 1) * size <= KEPT_BYTES) some.push(buffer);
      free.set(size, some);
    },
  });
}
