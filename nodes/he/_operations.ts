/**
 * Test fixture: operations of the library, one after another in one instance of it, and what they leave behind: objects
 * that nobody has given back, and a heap that has grown.
 */
import { randomBytes } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import type { Seal } from "../../crypto/he/blobs.ts";
import { HeError } from "../../crypto/he/errors.ts";
import { answerQueries, encryptQueries, readAnswers } from "../../crypto/he/query.ts";
import { compileSeal, startSeal } from "./load-seal.ts";

const HEAP_BYTES = 128 * 2 ** 20;
const SEED = new Uint8Array(32).fill(7);
const CELLS = [100n, 1n];
/** The heap is what it will be after these. */
const WARM_ROUNDS = 2;

interface Handle {
  delete(): void;
}
const isHandle = (value: unknown): value is Handle =>
  typeof value === "object" && value !== null && "delete" in value && "isDeleted" in value;
type Methods = Record<string | symbol, (...all: unknown[]) => unknown>;

/** The library with a count of its objects: made by constructors and by methods, gone by `delete`. */
function counted(seal: Seal): { readonly seal: Seal; readonly live: () => number } {
  let live = 0;
  const patched = new Set<object>();
  const tell = (result: unknown): unknown => {
    if (isHandle(result)) live += 1;
    return result;
  };
  function patch(owner: object): void {
    if (patched.has(owner) || owner === Object.prototype || owner === Function.prototype) return;
    patched.add(owner);
    for (const name of Reflect.ownKeys(owner)) {
      const { value } = Object.getOwnPropertyDescriptor(owner, name)!;
      if (typeof value !== "function" || name === "constructor" || name === "isAliasOf") continue;
      const original = value as Methods[string];
      const isEnd = name === "delete" || name === Symbol.dispose;
      (owner as Methods)[name] = function (this: unknown, ...all: unknown[]) {
        if (isEnd) live -= 1;
        return isEnd ? original.apply(this, all) : tell(original.apply(this, all));
      };
    }
  }
  const module = { ...seal } as unknown as Record<string, unknown>;
  for (const [name, one] of Object.entries(module)) {
    if (typeof one !== "function" || !("prototype" in one) || !isClass(one)) continue;
    for (let at: object | null = one.prototype; at !== null; at = Object.getPrototypeOf(at)) patch(at);
    for (const key of Object.keys(one)) {
      const made = (one as unknown as Methods)[key];
      if (typeof made === "function") (one as unknown as Methods)[key] = (...all) => tell(made.apply(one, all));
    }
    module[name] = new Proxy(one, {
      construct: (target, all) => tell(Reflect.construct(target as new () => object, all)) as object,
    });
  }
  return { seal: module as unknown as Seal, live: () => live };
}
const isClass = (one: object & { readonly prototype?: unknown }): one is { readonly prototype: object } =>
  typeof one.prototype === "object" && one.prototype !== null && "delete" in one.prototype;

/** Bytes that are no key, and what the library is given as one: refused inside of it. */
function hostileKeys(secretKey: Uint8Array): Uint8Array[] {
  const changed = (at: number, ...bytes: number[]) => {
    const copy = Uint8Array.from(secretKey);
    copy.set(bytes, at);
    return copy;
  };
  const packed = Buffer.concat([secretKey.subarray(0, 16), zstdCompressSync(randomBytes(4_096))]);
  packed.writeUInt8(2, 5);
  packed.writeBigUInt64LE(BigInt(packed.length), 8);
  return [secretKey.subarray(0, 200), changed(0, 0, 0), changed(16, 1, 2, 3, 4), Uint8Array.from(packed)];
}

export interface Left {
  readonly operations: number;
  /** Most objects that were there after any round. */
  readonly live: number;
  /** What the heap has grown by since the first rounds. */
  readonly grownBytes: number;
}

/**
 * Encryptions, answers (a product, an encryption of zero, an addition), decryptions and hostile blobs: at least so many.
 * `lists`: of each round; what takes long is the library's tables, once for each call.
 */
export async function runOperations(
  wanted: number,
  lists: number,
  note: (operations: number) => void = () => undefined,
): Promise<Left> {
  const asking = Array.from({ length: lists }, (_, at) => [BigInt(at), 5n]);
  const wantedSums = asking.map(([c = 0n]) => 100n * c + 5n).join();
  const started = await startSeal(await compileSeal(), HEAP_BYTES);
  const { seal, live } = counted(started.seal);
  const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
  const refused = (operation: () => unknown): number => {
    try {
      operation();
    } catch (error) {
      if (error instanceof HeError) return 1;
      throw error;
    }
    throw new Error("a hostile blob was taken");
  };
  function round(): number {
    const { publicKey, secretKey, queries } = encryptQueries(seal, SEED, asking);
    const asked = { seed: SEED, publicKey, queries, cells: CELLS };
    const answers = answerQueries(seal, asked, random);
    const sums = readAnswers(seal, secretKey, answers);
    if (sums.join() !== wantedSums) throw new Error(`answers say ${sums.join()}`);
    const inside = hostileKeys(secretKey).map((key) => refused(() => readAnswers(seal, key, answers.slice(0, 1))));
    const before = [
      refused(() => answerQueries(seal, { ...asked, publicKey: publicKey.subarray(8) }, random)),
      refused(() => answerQueries(seal, { ...asked, queries: [queries[0]!.subarray(1)] }, random)),
      refused(() => answerQueries(seal, { ...asked, cells: [2n ** 60n] }, random)),
    ];
    return 3 * lists + inside.length + before.length;
  }
  for (let at = 0; at < WARM_ROUNDS; at++) round();
  const heap = started.heapBytes();
  let operations = 0;
  let most = live();
  while (operations < wanted) {
    operations += round();
    most = Math.max(most, live());
    note(operations);
  }
  return { operations, live: most, grownBytes: started.heapBytes() - heap };
}
