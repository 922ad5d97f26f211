import { describe, expect, test } from "vitest";
import { keys } from "../chaincode/rules/keys.ts";
import { canonicalJson } from "../crypto/suites/digest.ts";
import { signingIdentity } from "../crypto/suites/signed.ts";
import { memoryStore } from "./audit/memory-store.ts";
import { anchor, anchors, publicKeyOf, testMember } from "./conformance/fixture.ts";
import { createSignatureQueue, inRuns, type Queued } from "./contract.ts";

const author = testMember("author");
const { key } = author.identity;
const publicKey = publicKeyOf(author.identity);
const stranger = publicKeyOf(signingIdentity("author", "intl", new Uint8Array(32).fill(9)));

async function stateWith(known?: string) {
  const state = memoryStore();
  if (known !== undefined) await state.put(keys.key(key), { suite: "intl", publicKey: known });
  return state;
}

const queued = (transaction: unknown): Queued => ({ transaction, text: canonicalJson(transaction) });

describe("signatures checked ahead", () => {
  test("leave order and number of the transactions as they are, whatever the size of a run", async () => {
    for (const count of [0, 1, 63, 64, 65, 200]) {
      const all = anchors(author, 0, count).map(queued);
      for (const source of [all, stream(all)]) {
        const queue = createSignatureQueue(await stateWith(publicKey));
        const got: Queued[] = [];
        for await (const run of queue.inOrder(inRuns(source))) got.push(...run);
        expect(got).toEqual(all);
      }
    }
  });

  test("answer as checking each at its turn does: true, altered, hostile, under a key that comes or changes meanwhile", async () => {
    const [together] = anchors(author, 0, 64);
    const alone = anchor(author, 64);
    const altered = { ...alone, statement: { ...alone.statement, id: "another" } };
    const items = [together, alone, altered, { ...together, signer: "other" }, null, 7, {}, { key }, { key: 1 }, [key]];
    for (const known of [publicKey, stranger, undefined]) {
      const queue = createSignatureQueue(await stateWith(known));
      for await (const run of queue.inOrder(inRuns(items.map(queued)))) {
        for (const [at, { transaction }] of run.entries()) {
          const ask = (by: string) => queue.verify(by, "transaction", transaction as never);
          expect([at, await ask(publicKey)]).toEqual([at, at < 2]);
          expect([at, await ask(stranger)]).toEqual([at, false]);
          expect(await queue.verify(publicKey, "receipt", transaction as never)).toBe(false);
        }
      }
    }
  });
});

async function* stream<T>(items: readonly T[]): AsyncIterable<T> {
  yield* items;
}
