import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemEffects } from "../runtime/effects.ts";
import { promoteNextKeys, readIdentity, readKeys, writeKeys } from "./node-keys.ts";
import { createTlsIdentity } from "./tls-certificate.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "node-keys-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const makeKeys = async () => ({
  suite: "intl" as const,
  seed: systemEffects.random(32),
  tls: await createTlsIdentity({
    member: "alpha",
    endpoint: undefined,
    now: systemEffects.now(),
    serial: systemEffects.random(15),
  }),
});

test.each([undefined, "correct horse"])(
  "the next keys open as the current ones (passphrase %s)",
  async (passphrase) => {
    await writeKeys(dir, "current", await makeKeys(), passphrase);
    await writeKeys(dir, "next", await makeKeys(), passphrase);
    const next = await readKeys(dir, "next", "alpha", passphrase);
    await promoteNextKeys(dir);
    expect(await readKeys(dir, "current", "alpha", passphrase)).toEqual(next);
  },
);

test("a crash between the files of a promotion leaves the next identity readable and the promotion repeatable", async () => {
  await writeKeys(dir, "current", await makeKeys(), undefined);
  await writeKeys(dir, "next", await makeKeys(), undefined);
  const next = await readKeys(dir, "next", "alpha", undefined);
  await rename(join(dir, "keys", "tls-key-next.json"), join(dir, "keys", "tls-key.json"));
  expect(await readIdentity(dir, "next", "alpha", undefined)).toEqual(next.identity);
  await promoteNextKeys(dir);
  expect(await readKeys(dir, "current", "alpha", undefined)).toEqual(next);
});
