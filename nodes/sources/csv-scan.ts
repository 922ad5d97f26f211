/**
 * The structure of a CSV file, read once before the engine sees it: DuckDB 1.5 drops an over-long or unclosed last
 * record without an error. Records are counted here independently, so that a lost one is noticed.
 */
import { createReadStream } from "node:fs";
import { SourceError } from "./errors.ts";

/** A record that the engine must hold in memory at once. */
export const MAX_RECORD_BYTES = 1024 * 1024;

const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

// Where in a field a byte stands; a quote opens one only at its start (RFC 4180).
const START = 0;
const BARE = 1;
const QUOTED = 2;
const AFTER_QUOTE = 3;

/** Records that are not blank, the header included. Bounded memory. Throws ERR_SOURCE_FORMAT with the line number. */
export async function scanCsv(file: string, label: string, delimiter: string): Promise<number> {
  const separator = delimiter.charCodeAt(0);
  let records = 0;
  let line = 1;
  let place = START;
  let opened = 1;
  let length = 0;
  let blank = true;
  let offset = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (offset + i < 3 && byte === BYTE_ORDER_MARK[offset + i]) continue;
      if (++length > MAX_RECORD_BYTES) throw tooLong(label, line);
      if (byte === LINE_FEED) line++;
      if (place === QUOTED) {
        if (byte === QUOTE) place = AFTER_QUOTE;
      } else if (byte === LINE_FEED) {
        if (!blank) records++;
        place = START;
        length = 0;
        blank = true;
      } else if (byte === separator) {
        place = START;
        blank = false;
      } else if (byte === QUOTE && place !== BARE) {
        if (place === START) opened = line;
        place = QUOTED;
        blank = false;
      } else if (byte !== CARRIAGE_RETURN) {
        place = BARE;
        blank = false;
      }
    }
    offset += chunk.length;
  }
  if (place === QUOTED) {
    throw new SourceError("ERR_SOURCE_FORMAT", `${label}: line ${opened}: a quote is not closed`, {
      fault: { at: `${label}:${opened}`, code: "quote-open" },
    });
  }
  return blank ? records : records + 1;
}

const tooLong = (label: string, line: number): SourceError =>
  new SourceError(
    "ERR_SOURCE_FORMAT",
    `${label}: line ${line}: a record is longer than 1 MiB; look for a missing quote or line end`,
    { fault: { at: `${label}:${line}`, code: "record-too-long" } },
  );
