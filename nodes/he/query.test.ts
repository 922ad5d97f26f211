import { availableParallelism } from "node:os";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { Worker } from "node:worker_threads";
import { createZstdCompress } from "node:zlib";
import { expect, test } from "vitest";
import type { HeError } from "../../crypto/he/errors.ts";
import { runOperations } from "./_operations.ts";
import { runQueryTask } from "./query.ts";

const MIB = 2 ** 20;
const ZEROS = Buffer.alloc(MIB);
const SEED = new Uint8Array(32).fill(7);
const LISTS = [[3n, 5n]];
const CELLS = [100n, 1n];

/** A frame that unpacks to so many bytes inside the library. */
async function bomb(like: Uint8Array, mebibytes: number): Promise<Uint8Array> {
  const zeros = Array.from({ length: mebibytes }, () => ZEROS);
  const packed = await buffer(Readable.from(zeros).pipe(createZstdCompress()));
  const bytes = Buffer.concat([like.subarray(0, 16), packed]);
  bytes.writeUInt8(2, 5);
  bytes.writeBigUInt64LE(BigInt(bytes.length), 8);
  return Uint8Array.from(bytes);
}

test("a blob that would fill the memory fails with its worker in bounded memory, and the next worker does the work", async () => {
  const { publicKey, secretKey, queries } = await runQueryTask({ kind: "encrypt", seed: SEED, lists: LISTS });
  const answers = await runQueryTask({ kind: "answer", seed: SEED, publicKey, queries, cells: CELLS });
  // Nothing of others' comes so far: the library is given it as a node's own key.
  const filling = await bomb(secretKey, 512);
  expect(filling.length).toBeLessThan(MIB);
  const most = () => process.resourceUsage().maxRSS * 1024;
  const before = most();
  const filled = runQueryTask({ kind: "read", secretKey: filling, answers });
  await expect(filled).rejects.toThrow(expect.objectContaining({ code: "ERR_HE_FAILED" }));
  expect(most() - before).toBeLessThan(256 * MIB);
  expect(await runQueryTask({ kind: "read", secretKey, answers })).toEqual([305n]);
});

test("however many are asked for at once, as many workers as processors have their memory at one time", async () => {
  const running = new Set<Worker>();
  let most = 0;
  const begun = (worker: Worker) => {
    running.add(worker);
    most = Math.max(most, running.size);
    worker.once("exit", () => running.delete(worker));
  };
  process.on("worker", begun);
  const tasks = Array.from({ length: availableParallelism() + 3 }, (_, at) =>
    runQueryTask({ kind: "read", secretKey: new Uint8Array(at), answers: [] }).catch(({ code }: HeError) => code),
  );
  const outcomes = await Promise.all(tasks).finally(() => process.off("worker", begun));
  expect(outcomes).toEqual(tasks.map(() => "ERR_HE_FAILED"));
  expect([most, running.size]).toEqual([availableParallelism(), 0]);
});

test("encrypting, answering, decrypting and hostile blobs leave no object and nothing on the heap of the library", async () => {
  // `npm run test:he` does it 10,000 times.
  expect(await runOperations(31, 8)).toEqual({ operations: 31, live: 0, grownBytes: 0 });
});
