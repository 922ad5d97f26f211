/** The first record of a CSV file (RFC 4180 quoting): the column names. */
import { open } from "node:fs/promises";
import { SourceError, type SourceFault } from "./errors.ts";

const MAX_HEADER_BYTES = 1 << 20;
const MAX_COLUMNS = 2000;

/** `file` is UTF-8, with or without a byte-order mark. */
export async function csvHeader(file: string, delimiter: string): Promise<readonly string[]> {
  const refuse = (why: string, code: SourceFault["code"], parameters: SourceFault["parameters"] = {}) =>
    new SourceError("ERR_SOURCE_FORMAT", `${file}: line 1: ${why}`, { fault: { at: `${file}:1`, code, parameters } });
  const handle = await open(file, "r");
  try {
    const buffer = Buffer.alloc(MAX_HEADER_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, MAX_HEADER_BYTES, 0);
    const record = firstRecord(buffer.subarray(0, bytesRead));
    if (record === undefined && bytesRead === MAX_HEADER_BYTES)
      throw refuse("no line end within 1 MiB", "header-too-long");
    if (record === undefined) throw refuse("a quote in the header is not closed", "quote-open");
    const names = splitRecord(decodeUtf8(record, file), delimiter);
    const empty = names.findIndex((name) => name.trim() === "");
    if (empty >= 0) throw refuse(`column ${empty + 1} has no name`, "column-without-name", { column: empty + 1 });
    const repeated = names.find(
      (name, i) => names.findIndex((other) => other.toLowerCase() === name.toLowerCase()) !== i,
    );
    if (repeated !== undefined) throw refuse(`column ${repeated} occurs twice`, "column-twice", { column: repeated });
    if (names.length > MAX_COLUMNS) {
      const parameters = { count: names.length, limit: MAX_COLUMNS };
      throw refuse(`${names.length} columns, at most ${MAX_COLUMNS}`, "columns-too-many", parameters);
    }
    return names;
  } finally {
    await handle.close();
  }
}

/** Bytes up to the first line end outside quotes, or all of a short file; undefined where a quote stays open. */
function firstRecord(bytes: Buffer): Buffer | undefined {
  let quoted = false;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === 0x22) quoted = !quoted;
    if (!quoted && (bytes[i] === 0x0a || bytes[i] === 0x0d)) return bytes.subarray(0, i);
  }
  return quoted || bytes.length === MAX_HEADER_BYTES ? undefined : bytes;
}

function decodeUtf8(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SourceError(
      "ERR_SOURCE_ENCODING",
      `${file}: line 1: not UTF-8; if the file comes from Chinese Excel, declare encoding gb18030`,
      { cause, fault: { at: `${file}:1`, code: "not-utf8" } },
    );
  }
}

function splitRecord(text: string, delimiter: string): string[] {
  const names: string[] = [];
  let name = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quoted) {
      if (char !== '"') name += char;
      else if (text[i + 1] === '"') name += text[++i];
      else quoted = false;
    } else if (char === '"' && name === "") quoted = true;
    else if (char === delimiter) {
      names.push(name);
      name = "";
    } else name += char;
  }
  return [...names, name];
}
