import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_BATCH } from "./batch.ts";
import { canonicalJson } from "./digest.ts";
import { toBase64url } from "./encoding.ts";
import {
  type Signed,
  signingIdentity,
  signStatement,
  signStatements,
  verifySigned,
  verifySignedAhead,
  verifySignedOnce,
} from "./signed.ts";
import { suiteOf } from "./suite.ts";

const identity = signingIdentity("author", "intl", new Uint8Array(32).fill(1));
const stranger = signingIdentity("author", "intl", new Uint8Array(32).fill(2));
const statements = (count: number) => Array.from({ length: count }, (_, at) => ({ at }));

async function isValid(signed: Signed<unknown>, key = identity.publicKey): Promise<boolean> {
  const valid = verifySigned(key, "transaction", signed);
  const text = textOf(signed);
  expect(verifySigned(key, "transaction", signed, text)).toBe(valid);
  expect(await verifySignedAhead(key, "transaction", signed, text)).toBe(valid);
  expect(await verifySignedAhead(key, "transaction", signed)).toBe(valid);
  return valid;
}

const textOf = (signed: unknown): string | undefined => {
  try {
    return canonicalJson(signed);
  } catch {
    return undefined;
  }
};

describe("the canonical text of a signed statement", () => {
  const alone = signStatement(identity, "transaction", { statement: { suite: "intl" }, at: '"statement":' });
  const [shared] = signStatements(identity, "transaction", statements(5));

  test("answers as the statement does, whatever stands around it", async () => {
    for (const one of [alone, shared!]) {
      expect(await isValid(one)).toBe(true);
      for (const name of ["a", "statement2", "sto", "zz"]) {
        const hidden = { ...one, [name]: { statement: one.statement, suite: "intl" } };
        expect(await isValid(hidden)).toBe(true);
        // Signed with what stands beside the statement: not a signature over the statement.
        const { signature: _, batch: __, ...rest } = hidden;
        const bytes = Buffer.from(`sealane/transaction/v1\n${canonicalJson(rest)}`);
        const signature = toBase64url(suiteOf("intl").sign(identity.privateKey, bytes));
        const { batch: ___, ...unsigned } = hidden;
        expect(await isValid({ ...unsigned, signature })).toBe(false);
      }
    }
  });

  test("is not confused by a whole signed statement within", async () => {
    const within = signStatements(identity, "transaction", [
      { copy: { ...shared, batch: shared!.batch } },
      ...statements(4),
    ]);
    expect(await isValid(within[0]!)).toBe(true);
    expect(await isValid(signStatement(identity, "transaction", { copy: shared }))).toBe(true);
  });

  test("does not make another signer or key of it", async () => {
    for (const one of [alone, shared!]) {
      expect(await isValid({ ...one, signer: 'aut"hor' })).toBe(false);
      expect(await isValid({ ...one, signer: "author2" })).toBe(false);
      expect(await isValid({ ...one, statement: { ...(one.statement as object), more: 1 } })).toBe(false);
    }
  });
});

describe("one signature over many statements", () => {
  test.each([1, 2, 3, 5, 64, MAX_BATCH, MAX_BATCH + 3])("covers each of %i, in their order", async (count) => {
    const all = signStatements(identity, "transaction", statements(count));
    expect(all.map(({ statement }) => statement)).toEqual(statements(count));
    for (const one of all) expect(await isValid(one)).toBe(true);
    expect(new Set(all.map(({ signature }) => signature)).size).toBe(Math.ceil(count / MAX_BATCH));
  });

  test("is an ordinary one where there is nothing to share", () => {
    expect(signStatements(identity, "transaction", [{ at: 0 }])).toEqual([
      signStatement(identity, "transaction", { at: 0 }),
    ]);
    expect(signStatements(identity, "transaction", [])).toEqual([]);
  });

  test("covers nothing else: another statement, place, path, signer, key or domain", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(7, 8), fc.nat(6), fc.nat(6), async (count, at, other) => {
        const all = signStatements(identity, "transaction", statements(count));
        const one = all[at]!;
        const { batch } = one;
        if (batch === undefined) throw new Error("expected a batch");
        const path = batch.path.with(0, all[(at + 3) % 7]!.batch!.path[0]!);
        const changed: Signed<unknown>[] = [
          { ...one, statement: { at: at + 1 } },
          { ...one, signer: "other" },
          { ...one, signature: signStatement(identity, "transaction", one.statement).signature },
          { ...one, batch: { ...batch, size: batch.size + 1 } },
          { ...one, batch: { ...batch, size: MAX_BATCH + 1 } },
          { ...one, batch: { ...batch, index: batch.index + 0.5 } },
          { ...one, batch: { ...batch, index: -1 } },
          { ...one, batch: { ...batch, path } },
          { ...one, batch: { ...batch, path: batch.path.slice(1) } },
          { ...one, batch: { ...batch, path: [...batch.path, batch.path[0]!] } },
          { ...one, batch: { ...batch, path: ["", ...batch.path.slice(1)] } },
          { ...one, batch: null as never },
          { ...one, batch: { index: 0, size: 2, path: undefined as never } },
        ];
        if (other !== at) changed.push({ ...one, batch: all[other]!.batch! });
        const { batch: _, ...alone } = one;
        for (const lie of [...changed, alone]) expect(await isValid(lie)).toBe(false);
        expect(await isValid(one, stranger.publicKey)).toBe(false);
        expect(verifySigned(identity.publicKey, "receipt", one)).toBe(false);
        expect(await isValid(one)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test.each([
    [4, 8],
    [8, 4],
    [2, 64],
    [64, 2],
  ])("of %i counts, whatever a forger shows under it as one of %i", async (size, forged) => {
    const all = signStatements(identity, "transaction", statements(size));
    const stolen = all[0]!.signature;
    // A tree of another size that has every node of the true one, or every node that the true one has of it.
    const twins = signStatements(identity, "transaction", statements(forged));
    for (const twin of twins) expect(await isValid({ ...twin, signature: stolen })).toBe(false);
    for (const one of all) expect(await isValid(one)).toBe(true);
  });
});

test("a wiped or reused seed buffer never signs with the key that was in it before", () => {
  const seed = new Uint8Array(32).fill(3);
  const first = signingIdentity("author", "intl", seed);
  const reused = { ...first, privateKey: seed };
  const before = signStatement(reused, "transaction", { at: 0 });
  seed.fill(4);
  const after = signStatement(reused, "transaction", { at: 0 });
  expect(verifySigned(first.publicKey, "transaction", before)).toBe(true);
  expect(verifySigned(first.publicKey, "transaction", after)).toBe(false);
});

test("a statement that was found true before stands for no other one, nor for another domain, key or signature", () => {
  const signed = signStatement(identity, "view", { at: 1 });
  const other = signStatement(identity, "view", { at: 2 });
  const [batched] = signStatements(identity, "view", statements(2));
  for (let round = 0; round < 2; round++) {
    expect(verifySignedOnce(identity.publicKey, "view", signed)).toBe(true);
    expect(verifySignedOnce(identity.publicKey, "receipt", signed)).toBe(false);
    expect(verifySignedOnce(stranger.publicKey, "view", signed)).toBe(false);
    for (const change of [
      { statement: { at: 2 } },
      { signature: other.signature },
      { signer: "other" },
      { key: stranger.key },
      { suite: "none" as never },
      { batch: batched!.batch! },
      { statement: { at: Number.NaN } },
    ]) {
      expect(verifySignedOnce(identity.publicKey, "view", { ...signed, ...change })).toBe(false);
    }
    expect(verifySignedOnce(identity.publicKey, "view", batched!)).toBe(true);
    expect(verifySignedOnce(identity.publicKey, "view", { ...batched!, batch: { ...batched!.batch!, index: 1 } })).toBe(
      false,
    );
  }
});

test("the suite is under the signature: intl and intl-pq share keys and algorithm, and no statement or key id", async () => {
  const hybrid = signingIdentity("author", "intl-pq", new Uint8Array(32).fill(1));
  expect(hybrid.publicKey).toEqual(identity.publicKey);
  expect(hybrid.key).not.toBe(identity.key);
  const signed = signStatement(identity, "transaction", { at: 0 });
  expect(await isValid(signed)).toBe(true);
  expect(await isValid({ ...signed, suite: "intl-pq" })).toBe(false);
  expect(await isValid({ ...signed, suite: "intl-pq", key: hybrid.key })).toBe(false);
  const [batched] = signStatements(identity, "transaction", statements(3));
  expect(await isValid({ ...batched!, suite: "intl-pq", key: hybrid.key })).toBe(false);
});
