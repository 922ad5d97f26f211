import { expect, test } from "vitest";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { intl } from "../../crypto/suites/intl.ts";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import { cosignedNote } from "../../ledger/embedded/cosigned-note.ts";
import { originOf, signCheckpoint } from "../../ledger/log/checkpoint.ts";
import { createCosignedNotes } from "../peer/cosigned-notes.ts";
import type { Context } from "./context.ts";
import { cosignedSize, witnessedOf } from "./witness.ts";

const NETWORK = "testnet";
const identityOf = (member: string, byte: number): SigningIdentity => {
  const privateKey = new Uint8Array(32).fill(byte);
  const { publicKey } = intl.keyPair(privateKey);
  return { member, suite: "intl", key: toBase64url(publicKey), privateKey, publicKey } as unknown as SigningIdentity;
};
const alpha = identityOf("alpha", 1);
const checkpoint = signCheckpoint(
  { origin: originOf(NETWORK), size: 41, root: new Uint8Array(32) },
  identityOf("operator", 9),
);
const noteBy = (identity: SigningIdentity) => cosignedNote(checkpoint, { network: NETWORK, identity, now: () => 0 });

test("only a cosignature by this member's own key says how far it had signed", () => {
  const about = { network: NETWORK, identity: alpha };
  expect(cosignedSize(noteBy(alpha), about)).toBe(41);
  expect(cosignedSize(noteBy(identityOf("beta", 2)), about)).toBeUndefined();
  expect(cosignedSize(noteBy(identityOf("alpha", 2)), about)).toBeUndefined();
  expect(cosignedSize(noteBy(alpha).replace("\n41\n", "\n42\n"), about)).toBeUndefined();
  expect(cosignedSize(noteBy(alpha), { ...about, network: "other" })).toBeUndefined();
  expect(cosignedSize("not a note", about)).toBeUndefined();
});

const said = (signer: string, type: string) => ({ signer, statement: { type } });

/** A node with these stores, on a ledger that has no checkpoints. */
function witness(stores: { witnessed?: Record<string, unknown>; transcript?: object }) {
  const cosignedNotes = createCosignedNotes();
  const ctx = {
    services: { cosignedNotes, network: NETWORK, ledger: { status: async () => ({ kind: "fabric", height: 9 }) } },
    stores: {
      witnessed: {
        async *entries(prefix: string) {
          for (const entry of Object.entries(stores.witnessed ?? {})) if (entry[0].startsWith(prefix)) yield entry;
        },
      },
      transcripts: { get: async () => stores.transcript },
    },
  } as unknown as Context;
  return { ctx, cosignedNotes };
}

test("the coordinator shows a member what it has sent, and nobody else's", async () => {
  const { ctx } = witness({
    witnessed: { "c1/alpha/keys": said("alpha", "keys"), "c1/alphabet/keys": said("alphabet", "keys") },
  });
  expect(await witnessedOf(ctx, "c1", "alpha")).toEqual({ statements: [said("alpha", "keys")] });
});

test("the receiver shows a member its views and statements of message 22", async () => {
  const by = (type: string) => [said("alpha", type), said("beta", type)];
  const transcript = { result: { keys: by("keys"), views: by("view-2") }, accepts: by("accept"), views1: by("view-1") };
  const { statements } = await witnessedOf(witness({ transcript }).ctx, "c1", "alpha");
  expect(statements).toEqual(["keys", "accept", "view-1", "view-2"].map((type) => said("alpha", type)));
});

test("the sequencer shows a member its latest cosignature", async () => {
  const { ctx, cosignedNotes } = witness({});
  cosignedNotes.keep("alpha", noteBy(alpha));
  cosignedNotes.keep("beta", `${noteBy(alpha)}${"x".repeat(5_000)}`);
  expect(await witnessedOf(ctx, "c1", "alpha")).toEqual({ statements: [], cosigned: noteBy(alpha) });
  expect(await witnessedOf(ctx, "c1", "beta")).toEqual({ statements: [] });
});
