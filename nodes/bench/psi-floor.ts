/**
 * Why set intersection takes what it takes: a multiplication as OpenSSL itself does it (`openssl speed`, where there is one on
 * the PATH), as it is done here, and through Node's `computeSecret`; and hashing to the curve; microseconds of one thread.
 */
import { execFile } from "node:child_process";
import { createECDH, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { hashToCurve } from "../../crypto/psi/hash-to-curve.ts";
import { maskingOf, POINT_BYTES, psiKey } from "../../crypto/psi/masking.ts";
import { fastP256 } from "../../crypto/psi/openssl-p256.ts";

const ITEMS = 256;
const RUNS = 12;
/** Each pair of items is masked and masked again, and two are hashed. */
const [MULTIPLICATIONS, HASHES] = [4, 2];

export interface Floor {
  /** Undefined where there is no program of that name. */
  readonly rawUs: number | undefined;
  /** Of a point of the other side, of which only x is known. */
  readonly multiplyUs: number;
  readonly computeSecretUs: number;
  readonly hashUs: number;
}

export async function measureFloor(): Promise<Floor> {
  const curve = await fastP256();
  const masking = maskingOf(psiKey(randomBytes(48)), new Uint8Array(16), curve);
  const points = masking.maskItems(Array.from({ length: ITEMS }, (_, at) => `${at}`));
  const ecdh = createECDH("prime256v1");
  ecdh.generateKeys();
  const compressed = Array.from({ length: ITEMS }, (_, at) =>
    Buffer.concat([Uint8Array.of(2), points.subarray(POINT_BYTES * at, POINT_BYTES * (at + 1))]),
  );
  const messages = Array.from({ length: ITEMS }, () => randomBytes(32));
  const computeSecretUs = bestOf(() => {
    for (const point of compressed) ecdh.computeSecret(point);
  });
  const multiplyUs = bestOf(() => void masking.remask(points));
  const hashUs = bestOf(() => void hashToCurve(messages, Buffer.from("bench"), curve));
  return { rawUs: await openSslUs(), multiplyUs, computeSecretUs, hashUs };
}

/** Processor time an item, of the best of some runs. */
function bestOf(work: () => void): number {
  const times = Array.from({ length: RUNS }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / ITEMS;
  });
  return Math.min(...times);
}

async function openSslUs(): Promise<number | undefined> {
  const { stdout } = await promisify(execFile)("openssl", ["speed", "-mr", "-seconds", "2", "ecdhp256"]).catch(() => ({
    stdout: "",
  }));
  // "+F7:<number>:<bits>:<operations a second>:<seconds each>"
  const perSecond = Number(/^\+F\d+:\d+:256:([\d.]+):/m.exec(stdout)?.[1]);
  return Number.isFinite(perSecond) && perSecond > 0 ? 1e6 / perSecond : undefined;
}

/** Milliseconds for two lists of `count` on so many processors, were there nothing but multiplications and hashes. */
export const leastMs = (count: number, multiplyUs: number, hashUs: number, processors: number): number =>
  (count * (MULTIPLICATIONS * multiplyUs + HASHES * hashUs)) / 1000 / processors;
