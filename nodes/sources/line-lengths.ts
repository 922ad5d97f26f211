/**
 * Looks for endless lines before the engine sees the file: DuckDB 1.5 drops an over-long last line without an error.
 * One pass, bounded memory.
 */
import { createReadStream } from "node:fs";
import { SourceError } from "./errors.ts";

/** A record that the engine must hold in memory at once. */
export const MAX_LINE_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;

/** Throws ERR_SOURCE_FORMAT with the number of the first line above `MAX_LINE_BYTES`. */
export async function checkLineLengths(file: string, label: string): Promise<void> {
  let line = 1;
  let length = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      if (length + end - start > MAX_LINE_BYTES) throw tooLong(label, line);
      line += 1;
      length = 0;
      start = end + 1;
    }
    length += chunk.length - start;
    if (length > MAX_LINE_BYTES) throw tooLong(label, line);
  }
}

const tooLong = (label: string, line: number): SourceError =>
  new SourceError(
    "ERR_SOURCE_FORMAT",
    `${label}: line ${line}: a record is longer than 1 MiB; look for a missing quote or line end`,
  );
