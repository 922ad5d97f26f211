/**
 * JSON as it comes over the wire, before any schema: only what RFC 7493 (I-JSON) and RFC 8785 can carry, so that
 * everything read here can also be hashed and signed, and nothing later can run out of stack on it.
 */

/** Deepest nesting of arrays and objects; evidence bundles have the same bound. */
const MAX_DEPTH = 64;

/** Throws SyntaxError saying what is not allowed. */
export function parseWireJson(bytes: Uint8Array): unknown {
  refuseDepth(bytes);
  const value: unknown = JSON.parse(textOf(bytes));
  let level: unknown[] = [value];
  while (level.length > 0) {
    const next: unknown[] = [];
    for (const one of level) collectParts(one, next);
    level = next;
  }
  return value;
}

const [QUOTE, ESCAPE, OPEN, CLOSE] = [0x22, 0x5c, [0x5b, 0x7b], [0x5d, 0x7d]] as const;

/** Before anything is parsed: megabytes of brackets would hold the node up for seconds. */
function refuseDepth(bytes: Uint8Array): void {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (isText) {
      if (byte === ESCAPE) at++;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (byte === OPEN[0] || byte === OPEN[1]) depth++;
    else if (byte === CLOSE[0] || byte === CLOSE[1]) depth--;
    if (depth > MAX_DEPTH) throw new SyntaxError(`nested deeper than ${MAX_DEPTH}`);
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError("not UTF-8", { cause });
  }
}

function collectParts(value: unknown, parts: unknown[]): void {
  if (typeof value === "string") checkText(value);
  if (typeof value === "number" && !Number.isFinite(value))
    throw new SyntaxError("number beyond the range of a double");
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) parts.push(item);
    return;
  }
  for (const key of Object.keys(value)) {
    if (key === "__proto__") throw new SyntaxError('field name "__proto__" is not allowed');
    checkText(key);
    parts.push((value as Record<string, unknown>)[key]);
  }
}

function checkText(text: string): void {
  if (!text.isWellFormed()) throw new SyntaxError("text with half a surrogate pair (RFC 7493 section 2.1)");
}
