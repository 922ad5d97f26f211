/** A gzipped tar of a few small files, the same bytes for the same contents (POSIX.1-1988 ustar, RFC 1952). */
import { gzipSync } from "node:zlib";

const BLOCK = 512;

export interface TarEntry {
  /** At most 100 bytes. */
  readonly name: string;
  readonly data: Uint8Array;
}

/** No owner, no time: what is in the files is all that counts. */
export function tarGzip(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, data }) => [header(name, data.length), padded(data)]);
  const packed = gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]), { level: 9 });
  // Byte 9 names the operating system; everything before it is fixed or zero.
  packed[9] = 255;
  return packed;
}

function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, width: number) =>
    block.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at, "latin1");
  if (Buffer.byteLength(name) > 100) throw new RangeError(`tar: name of at most 100 bytes, got ${name}`);
  block.write(name, 0, "utf8");
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write("        0", 148, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function padded(data: Uint8Array): Buffer {
  const block = Buffer.alloc(Math.ceil(data.length / BLOCK) * BLOCK);
  block.set(data);
  return block;
}
