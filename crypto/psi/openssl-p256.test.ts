import { createECDH, randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fastP256, openSsl, P, slowP256 } from "./openssl-p256.ts";

const native = (await openSsl())!;

const keyPair = () => {
  const ecdh = createECDH("prime256v1");
  ecdh.generateKeys();
  // An own key may begin with zeros, which Node leaves out.
  return { ecdh, key: Buffer.concat([Buffer.alloc(32), ecdh.getPrivateKey()]).subarray(-32) };
};

test("OpenSSL's own functions are what is used here", async () => {
  expect(native).toBeDefined();
  expect(await fastP256()).not.toBe(slowP256);
});

test("a multiple is the secret that Node agrees on, of compressed and of uncompressed points", () => {
  for (let i = 0; i < 20; i++) {
    const { ecdh, key } = keyPair();
    const other = keyPair().ecdh;
    const points = [other.getPublicKey(), other.getPublicKey(null, "compressed")];
    const wanted = ecdh.computeSecret(other.getPublicKey()).toString("hex");
    for (const curve of [native, slowP256]) {
      expect(curve.multiples(key, points).map((one) => Buffer.from(one!).toString("hex"))).toEqual([wanted, wanted]);
    }
  }
});

test("whatever bytes come as a point, both ways refuse the same and give the same", () => {
  const { key } = keyPair();
  const good = keyPair().ecdh;
  const off = Buffer.from(good.getPublicKey());
  off[64]! ^= 1;
  const hostile = [
    ...[new Uint8Array(0), Uint8Array.of(0), new Uint8Array(33), new Uint8Array(65), off],
    ...[Buffer.concat([Uint8Array.of(2), Buffer.from(P.toString(16), "hex")]), new Uint8Array(33).fill(255)],
    ...Array.from({ length: 64 }, () => Buffer.concat([Uint8Array.of(2), randomBytes(32)])),
    good.getPublicKey(null, "compressed"),
  ];
  const [fast, slow] = [native, slowP256].map((curve) =>
    curve.multiples(key, hostile).map((one) => one && Buffer.from(one).toString("hex")),
  );
  expect(fast).toEqual(slow);
  expect(fast!.slice(0, 7)).toEqual(Array.from({ length: 7 }, () => undefined));
  expect(fast!.at(-1)).toBeDefined();
});

test("the root of a square squares to it, and both ways give the same power of anything", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: P - 1n }), (value) => {
      const root = native.root((value * value) % P);
      expect((root * root) % P).toBe((value * value) % P);
      expect(native.root(value)).toBe(slowP256.root(value));
    }),
    { numRuns: 50, examples: [[0n], [1n], [P - 1n]] },
  );
});
