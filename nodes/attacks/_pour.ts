import type { Writable } from "node:stream";

const PART = Buffer.alloc(1 << 20, " ");

/** Writes without an end, as long as somebody reads. */
export function pour(stream: Writable): void {
  const more = () => {
    while (!stream.destroyed && stream.write(PART));
  };
  stream.on("drain", more);
  more();
}
