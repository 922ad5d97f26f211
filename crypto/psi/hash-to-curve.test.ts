import { randomBytes } from "node:crypto";
import { mapToCurveSimpleSWU } from "@noble/curves/abstract/hash-to-curve.js";
import { p256, p256_hasher } from "@noble/curves/nist.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { utf8 } from "../suites/encoding.ts";
import { hashToCurve, mapToCurve } from "./hash-to-curve.ts";
import { openSsl, slowP256 } from "./openssl-p256.ts";

const native = (await openSsl())!;

const hexOf = (point: Uint8Array): string => Buffer.from(point).toString("hex");

const DST = "QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_";
// RFC 9380 appendix J.1.1.
const VECTORS = [
  {
    message: "",
    x: "2c15230b26dbc6fc9a37051158c95b79656e17a1a920b11394ca91c44247d3e4",
    y: "8a7a74985cc5c776cdfe4b1f19884970453912e9d31528c060be9ab5c43e8415",
  },
  {
    message: "abc",
    x: "0bb8b87485551aa43ed54f009230450b492fead5f1cc91658775dac4a3388a0f",
    y: "5c41b3d0731a27a7b14bc0bf0ccded2d8751f83493404c84a88e71ffd424212e",
  },
  {
    message: "abcdef0123456789",
    x: "65038ac8f2b1def042a5df0b33b1f4eca6bff7cb0f9c6c1526811864e544ed80",
    y: "cad44d40a656e7aff4002a8de287abc8ae0482b5ae825822bb870d6df9b56ca3",
  },
  {
    message: `q128_${"q".repeat(128)}`,
    x: "4be61ee205094282ba8a2042bcb48d88dfbb609301c49aa8b078533dc65a0b5d",
    y: "98f8df449a072c4721d241a3b1236d3caccba603f916ca680f4539d2bfb3c29e",
  },
  {
    message: `a512_${"a".repeat(512)}`,
    x: "457ae2981f70ca85d8e24c308b14db22f3e3862c5ea0f652ca38b5e49cd64bc5",
    y: "ecb9f0eadc9aeed232dabc53235368c1394c78de05dd96893eefa62b0f4757dc",
  },
];

test("RFC 9380 J.1.1: every vector, one by one and as one batch", () => {
  const wanted = VECTORS.map(({ x, y }) => `04${x}${y}`);
  const messages = VECTORS.map(({ message }) => utf8(message));
  for (const curve of [slowP256, native]) {
    expect(messages.flatMap((message) => hashToCurve([message], utf8(DST), curve)).map(hexOf)).toEqual(wanted);
    expect(hashToCurve(messages, utf8(DST), curve).map(hexOf)).toEqual(wanted);
  }
});

test("any message under any tag has the point that the other implementation gives", () => {
  const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
  fc.assert(
    fc.property(bytes(0, 80), bytes(1, 255), (message, dst) => {
      expect(hashToCurve([message], dst, native).map(hexOf)).toEqual([
        p256_hasher.hashToCurve(message, { DST: dst }).toHex(false),
      ]);
    }),
    { numRuns: 50 },
  );
});

test("the map is the standard's also where it divides by zero", () => {
  const elements = [0n, 1n, BigInt(`0x${randomBytes(31).toString("hex")}`)];
  const { Fp } = p256.Point;
  const { a, b } = p256.Point.CURVE();
  const other = mapToCurveSimpleSWU(Fp, { A: a, B: b, Z: Fp.create(-10n) });
  expect(mapToCurve(elements, native)).toEqual(elements.map((u) => other(u)));
});
