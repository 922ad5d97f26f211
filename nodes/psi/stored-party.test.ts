import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PsiSide } from "../../crypto/psi/commitment.ts";
import { maskingOf, psiKey } from "../../crypto/psi/masking.ts";
import { slowP256 } from "../../crypto/psi/openssl-p256.ts";
import type { MaskingPort } from "../../crypto/psi/party.ts";
import { compareAnswer, type StoredOwn, storeAnswer, storeOthers, storeOwn } from "./stored-party.ts";

const run = new Uint8Array(16);
const coded = (code: string) => expect.objectContaining({ code });
const items = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `91330600MA${from + i}`);

function portOf(): MaskingPort {
  const masking = maskingOf(psiKey(randomBytes(48)), run, slowP256);
  return {
    maskItems: async (list) => masking.maskItems(list),
    remask: async (points) => masking.remask(points),
  };
}

let folder: string;
let next = 0;
const place = () => join(folder, String(next++));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealane-party-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Named = "intersection" | "cardinality";
const own = (variant: Named, side: PsiSide, port: MaskingPort, list: readonly string[], size = list.length) =>
  storeOwn({ variant, side, run, salt: randomBytes(32) }, port, list, size, place());
const from = (party: StoredOwn, frames = party.frames()) => ({
  commitment: party.commitment,
  run,
  salt: party.salt,
  frames,
});

test.each(["intersection", "cardinality"] as const)(
  "%s of lists of two frames, on disk, is exact and leaves nothing",
  async (variant) => {
    const [a, b] = [portOf(), portOf()];
    const found: number[] = [];
    {
      await using asker = await own(variant, "asker", a, items(4200));
      await using holder = await own(variant, "holder", b, items(300, 4000));
      await using answer = await storeAnswer(b, from(asker), place());
      await using others = await storeOthers(a, from(holder), place());
      const came = { run, frames: answer.frames() };
      expect(await compareAnswer(asker, others, came, place(), (at) => found.push(at))).toBe(200);
    }
    const wanted = Array.from({ length: 200 }, (_, i) => 4000 + i);
    expect(found.sort((x, y) => x - y)).toEqual(variant === "intersection" ? wanted : []);
    expect(await readdir(folder)).toEqual([]);
  },
);

test.each(["intersection", "cardinality"] as const)(
  "%s: a list that is not the committed one is not answered, and leaves nothing",
  async (variant) => {
    const port = portOf();
    const before = (await readdir(folder)).length;
    {
      await using asker = await own(variant, "asker", port, items(20));
      await using other = await own(variant, "asker", port, items(20, 1));
      const changed = () => from(asker, other.frames());
      await expect(storeAnswer(portOf(), changed(), place())).rejects.toThrow(coded("ERR_PSI_COMMITMENT"));
      await expect(storeOthers(portOf(), changed(), place())).rejects.toThrow(coded("ERR_PSI_COMMITMENT"));
      async function* cut() {
        yield* [];
      }
      await expect(storeAnswer(portOf(), from(asker, cut()), place())).rejects.toThrow(coded("ERR_PSI_STREAM"));
    }
    expect(await readdir(folder)).toHaveLength(before);
  },
);

test("an item that is there twice, and another number of items than announced, are refused before anything is sent", async () => {
  const port = portOf();
  const open = (list: readonly string[], size?: number) => own("intersection", "asker", port, list, size);
  await expect(open(["a", "b", "a"])).rejects.toThrow(coded("ERR_PSI_INPUT"));
  await expect(open(["a", "b"], 3)).rejects.toThrow(coded("ERR_PSI_SIZE"));
  await expect(open(["a", "b"], 1)).rejects.toThrow(coded("ERR_PSI_SIZE"));
  await expect(open([])).rejects.toThrow(coded("ERR_PSI_SIZE"));
  expect(await readdir(folder)).toEqual([]);
});
