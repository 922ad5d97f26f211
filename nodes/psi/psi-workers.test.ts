import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { maskingOf, psiKey } from "../../crypto/psi/masking.ts";
import { slowP256 } from "../../crypto/psi/openssl-p256.ts";
import { openPsiWorkers } from "./psi-workers.ts";

const run = new Uint8Array(16);
const items = Array.from({ length: 600 }, (_, i) => `item ${i}`);
const coded = (code: string) => expect.objectContaining({ code });

test("what workers give is what one thread gives, in the order of the list", async () => {
  const key = psiKey(randomBytes(48));
  const alone = maskingOf(key.slice(), run, slowP256);
  await using workers = openPsiWorkers({ key, run }, { threads: 2 });
  expect(key.every((byte) => byte === 0)).toBe(true);
  const masked = await workers.maskItems(items);
  expect(Buffer.compare(masked, alone.maskItems(items))).toBe(0);
  expect(Buffer.compare(await workers.remask(masked), alone.remask(masked))).toBe(0);
});

test("what is refused is refused by its code, and the worker goes on; none is left waiting for one that ended", async () => {
  const workers = openPsiWorkers({ key: psiKey(randomBytes(48)), run }, { threads: 1 });
  await expect(workers.remask(new Uint8Array(32).fill(255))).rejects.toThrow(coded("ERR_PSI_POINT"));
  await expect(workers.maskItems([""])).rejects.toThrow(coded("ERR_PSI_INPUT"));
  expect(await workers.maskItems(["a"])).toHaveLength(32);
  const running = workers.maskItems(items);
  const ended = expect(running).rejects.toThrow(coded("ERR_PSI_FAILED"));
  await workers[Symbol.asyncDispose]();
  await ended;
  await expect(workers.maskItems(["a"])).rejects.toThrow(coded("ERR_PSI_FAILED"));
});
