/**
 * Secrets of running computations: one 0600 file each, unlinked at the end. They live outside LevelDB because LevelDB
 * keeps deleted values in its files, and outside every backup because a restored secret could be used twice.
 *
 * Beside it may lie files of bytes (`<name>.json.<part>`): what is too large for a line, erased with it.
 *
 * A file holds lines of `<digest> <JSON>`; the last sound one counts, a cut-off one was never promised. A line of
 * `<digest> +<JSON>` says only what differs from the line before, and its digest covers that line's digest too: a value
 * that does not follow from what was written last is not taken for it. A put adds a line, which costs one fsync; a file
 * is begun, and begun anew when it has grown, as a whole.
 */
import { hash } from "node:crypto";
import { readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { appendFile, overwriteFile, syncFolder } from "./atomic-file.ts";
import { StoreError } from "./store-error.ts";

export const INFLIGHT_FOLDER = "inflight";
const SUFFIX = ".json";
const NAME = /^[a-z0-9][a-z0-9-]{0,127}$/;
const PART = /^[a-z0-9-]{1,32}$/;
/** A file begins anew when its lines beside the last whole one take this many characters, and more than that one. */
const REST_LENGTH = 1024 * 1024;
/** Begins the text of a line that only says what differs; no JSON begins so. */
const CHANGE = "+";

export interface InflightSecrets {
  /** Undefined when there is none. `name` is a computation id, optionally with a role suffix (`<uuid>-receiver`). */
  get<T>(name: string): Promise<T | undefined>;
  /** On disk when it resolves. Puts of one name run in the order of the calls. */
  put(name: string, value: unknown): Promise<void>;
  /**
   * As `put`, for values that never change once they are put: of the properties only those are written that are not the
   * same (`===`) as in the value put before.
   */
  change(name: string, value: object): Promise<void>;
  /** Bytes on disk when it resolves; the same part may be put again. `part` is `[a-z0-9-]+`. */
  putPart(name: string, part: string, bytes: Uint8Array): Promise<void>;
  /** Undefined when there is none. */
  getPart(name: string, part: string): Promise<Uint8Array | undefined>;
  /** Unlinks, with all parts; absent is fine. */
  erase(name: string): Promise<void>;
  /** Also of those that a crash cut off before they were whole: there is something to erase. */
  names(): Promise<readonly string[]>;
}

/** A file whose last line this process wrote. */
interface Begun {
  readonly length: number;
  /** Of the last whole line. */
  readonly whole: number;
  /** Of the last line. */
  readonly digest: string;
  /** What was put last, where it never changes. */
  readonly value?: object;
}

/** What a line of changes says. */
interface Change {
  readonly set: Readonly<Record<string, unknown>>;
  readonly gone: readonly string[];
}

export function openInflight(dir: string): InflightSecrets {
  const folder = join(dir, INFLIGHT_FOLDER);
  const begun = new Map<string, Begun>();
  const tails = new Map<string, Promise<void>>();
  const path = (name: string): string => {
    if (!NAME.test(name)) throw new TypeError(`name: expected ${NAME}, got ${JSON.stringify(name)}`);
    return join(folder, name + SUFFIX);
  };

  const partPath = (name: string, part: string): string => {
    if (!PART.test(part)) throw new TypeError(`part: expected ${PART}, got ${JSON.stringify(part)}`);
    return `${path(name)}.${part}`;
  };

  /** The whole value, added to the file or instead of it. */
  async function write(name: string, text: string, value?: object): Promise<void> {
    const known = begun.get(name);
    const digest = digestOfText(text);
    const line = `${digest} ${text}\n`;
    // Forgotten until the line is on disk: what follows a cut-off one would be lost with it.
    begun.delete(name);
    const adds = known !== undefined && known.length < Math.max(REST_LENGTH, line.length);
    await (adds ? appendFile(path(name), line) : overwriteFile(path(name), line));
    const length = (adds ? known.length : 0) + line.length;
    begun.set(name, { length, whole: line.length, digest, ...(value === undefined ? {} : { value }) });
  }

  async function writeChange(name: string, value: object): Promise<void> {
    const known = begun.get(name);
    if (known?.value === undefined || known.length - known.whole >= Math.max(REST_LENGTH, known.whole)) {
      return await write(name, JSON.stringify(value), value);
    }
    const text = CHANGE + JSON.stringify(changeFrom(known.value, value));
    const digest = digestOfText(known.digest + text);
    const line = `${digest} ${text}\n`;
    begun.delete(name);
    await appendFile(path(name), line);
    begun.set(name, { ...known, length: known.length + line.length, digest, value });
  }

  function inTurn(name: string, work: () => Promise<void>): Promise<void> {
    const done = (tails.get(name) ?? Promise.resolve()).catch(() => undefined).then(work);
    tails.set(name, done);
    const settle = () => {
      if (tails.get(name) === done) tails.delete(name);
    };
    done.then(settle, settle);
    return done;
  }

  async function unlinkAll(name: string, file: string): Promise<void> {
    begun.delete(name);
    const rests = ((await readdir(folder).catch(absent)) ?? [])
      .filter((found) => found.startsWith(`${name}${SUFFIX}.`))
      .map((found) => join(folder, found));
    // Also what a crash in the middle of a `put` has left.
    const gone = await Promise.all([file, ...rests].map((one) => unlink(one).then(() => true, absent)));
    if (gone.includes(true)) await syncFolder(folder);
  }

  return Object.freeze({
    async get<T>(name: string) {
      const file = path(name);
      const text = await readFile(file, "utf8").catch(absent);
      return text === undefined ? undefined : (lastSound(text, file) as T);
    },
    put(name: string, value: unknown) {
      path(name);
      const text = JSON.stringify(value);
      return inTurn(name, () => write(name, text));
    },
    change(name: string, value: object) {
      path(name);
      return inTurn(name, () => writeChange(name, value));
    },
    putPart(name: string, part: string, bytes: Uint8Array) {
      const file = partPath(name, part);
      return inTurn(name, () => overwriteFile(file, bytes));
    },
    async getPart(name: string, part: string) {
      return await readFile(partPath(name, part)).catch(absent);
    },
    erase(name: string) {
      const file = path(name);
      return inTurn(name, () => unlinkAll(name, file));
    },
    async names() {
      const files = (await readdir(folder).catch(absent)) ?? [];
      const kept = files.filter((file) => file.includes(SUFFIX));
      return [...new Set(kept.map((file) => file.slice(0, file.indexOf(SUFFIX))))];
    },
  });
}

const digestOfText = (text: string): string => hash("sha256", text, "base64url");

function changeFrom(before: object, value: object): Change {
  const old = new Map<string, unknown>(Object.entries(before));
  const now = Object.entries(value).filter(([, one]) => one !== undefined);
  const set = Object.fromEntries(now.filter(([key, one]) => old.get(key) !== one));
  for (const [key] of now) old.delete(key);
  return { set, gone: [...old.keys()] };
}

function changed(before: object, { set, gone }: Change): object {
  const kept = Object.entries(before).filter(([key]) => !gone.includes(key));
  return { ...Object.fromEntries(kept), ...set };
}

function lastSound(text: string, file: string): unknown {
  let last: { readonly digest: string; readonly value: unknown } | undefined;
  let unsound = 0;
  for (const line of text.split("\n").slice(0, -1)) {
    const sound = soundLine(line, last);
    unsound = sound === undefined ? unsound + 1 : 0;
    last = sound ?? last;
  }
  // Every line was on disk before the next one was begun: more than one that does not hold is damage.
  if (last !== undefined && unsound < 2) return last.value;
  throw new StoreError(
    "ERR_STORE_CORRUPT",
    `${file}: holds no sound state; this node's part in the computation is lost`,
  );
}

function soundLine(line: string, before: { readonly digest: string; readonly value: unknown } | undefined) {
  const at = line.indexOf(" ");
  const digest = line.slice(0, at);
  const text = line.slice(at + 1);
  if (!text.startsWith(CHANGE)) return digest === digestOfText(text) ? { digest, value: JSON.parse(text) } : undefined;
  if (before === undefined || digest !== digestOfText(before.digest + text)) return undefined;
  return { digest, value: changed(before.value as object, JSON.parse(text.slice(CHANGE.length)) as Change) };
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
