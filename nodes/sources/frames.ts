/** Messages between a node and its engine process: 4-byte big-endian length, then UTF-8 JSON. */
import type { Readable } from "node:stream";

export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

export function encodeFrame(message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message), "utf8");
  if (body.length > MAX_FRAME_BYTES) throw new RangeError(`message: ${body.length} bytes, at most ${MAX_FRAME_BYTES}`);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

/** Ends with the stream; throws RangeError on a frame above the limit and on a torn last frame. */
export async function* decodeFrames(stream: Readable): AsyncGenerator<unknown> {
  let chunks: Buffer[] = [];
  let size = 0;
  let wanted = 4;
  let body = false;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    while (size >= wanted) {
      const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      const taken = all.subarray(0, wanted);
      chunks = [all.subarray(wanted)];
      size -= wanted;
      if (body) yield JSON.parse(taken.toString("utf8"));
      else if (taken.readUInt32BE() > MAX_FRAME_BYTES) throw new RangeError("frame above the limit");
      wanted = body ? 4 : taken.readUInt32BE();
      body = !body;
    }
  }
  if (size > 0 || body) throw new RangeError("stream ended inside a frame");
}
