import { expect, test } from "vitest";
import { HeError } from "../../crypto/he/errors.ts";
import { parametersFor } from "../../crypto/he/parameters.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { createEnvelopeEncryptor, createEnvelopeKeys } from "../he/envelope.ts";
import { createSealedReading } from "./sealed-reading.ts";

const set = parametersFor(3);
const { publicKey, secretKey } = await createEnvelopeKeys(set);
const body = { computation: "c1", envelope: { method: "bfv", parameters: set.id } } as never;
const shape = { words: 1, pattern: [1] as const };
await using encryptor = createEnvelopeEncryptor({ threads: 1 });
const chunk = await encryptor.encrypt(set, publicKey, BigUint64Array.of(7n));
/** What is read of it ends as with a worker that fails, so many times. */
function failing(times: number): Uint8Array {
  const bytes = Uint8Array.from(chunk);
  const whole = bytes.subarray.bind(bytes);
  let left = times;
  bytes.subarray = (...range) => {
    if (left-- > 0) throw new HeError("ERR_HE_FAILED", "the worker has ended");
    return whole(...range);
  };
  return bytes;
}

test("a worker that ends while it decrypts is replaced, and the sum is read", async () => {
  const reading = createSealedReading(body, toBase64url(secretKey), shape);
  expect(await reading.read(0, failing(1), 1)).toEqual(BigUint64Array.of(7n));
  await reading.close();
});

test("who gives up reading is not kept waiting, and may read later", async () => {
  const reading = createSealedReading(body, toBase64url(secretKey), shape);
  const given = reading.read(0, failing(Number.POSITIVE_INFINITY), 1);
  const refused = expect(given).rejects.toMatchObject({ code: "ERR_HE_FAILED" });
  await reading.close();
  await refused;
  expect(await reading.read(0, chunk, 1)).toEqual(BigUint64Array.of(7n));
  await reading.close();
});
