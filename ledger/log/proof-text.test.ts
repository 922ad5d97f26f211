import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashLeaf } from "../../crypto/suites/merkle.ts";
import { openCheckpoint, signCheckpoint } from "./checkpoint.ts";
import { cosign, withCosignatures } from "./cosignature.ts";
import { noteKeyOf } from "./note.ts";
import { formatProof, parseProof, verifyProof } from "./proof-text.ts";
import { proveInclusion } from "./proofs.ts";
import { appendLeaf, EMPTY_RANGE, rootOf } from "./tree.ts";

const seed = (byte: number) => new Uint8Array(32).fill(byte);
const signer = (byte: number) => ({ suite: "intl" as const, privateKey: seed(byte) });
const ORIGIN = "sealane.ledger/test";
const log = noteKeyOf(ORIGIN, "note", signer(1));
const cosigners = [2, 3, 4].map((b) => noteKeyOf(`${ORIGIN}/w${b}`, "cosignature", signer(b)));
const trust = { log, cosigners, quorum: 2 };

const leaves = Array.from({ length: 13 }, (_, i) => hashLeaf(Uint8Array.of(i)));
const nodes = new Map<string, Uint8Array>();
const range = leaves.reduce((grown, leaf) => {
  const next = appendLeaf(grown, leaf);
  for (const node of next.nodes) nodes.set(`${node.level}/${node.index}`, node.hash);
  return next.range;
}, EMPTY_RANGE);

async function proofOf(index: number, witnesses = [2, 3]): Promise<string> {
  const opened = openCheckpoint(signCheckpoint({ origin: ORIGIN, size: 13, root: rootOf(range) }, signer(1)), log);
  const lines = witnesses.map((b) => cosign(opened.note.text, { ...signer(b), name: `${ORIGIN}/w${b}` }, 99));
  const path = await proveInclusion(index, 13, (level, at) => nodes.get(`${level}/${at}`)!);
  return formatProof({ index, path, checkpoint: withCosignatures(opened, lines) });
}

describe("tlog proofs", () => {
  it("verify offline for every leaf", async () => {
    for (const [index, leaf] of leaves.entries()) {
      expect(verifyProof(await proofOf(index), leaf, trust)).toMatchObject({ ok: true, checkpoint: { size: 13 } });
    }
  });

  it("start with the header and the index of the specification", async () => {
    expect((await proofOf(7)).split("\n").slice(0, 2)).toEqual(["c2sp.org/tlog-proof@v1", "index 7"]);
  });

  it("come back as they were written", async () => {
    const text = await proofOf(5);
    expect(formatProof(parseProof(text))).toBe(text);
  });

  it("are refused after any changed character, with a named reason", async () => {
    const text = await proofOf(5);
    for (let at = 0; at < text.length; at++) {
      const changed = text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
      const verdict = verifyProof(changed, leaves[5]!, trust);
      expect(verdict.ok, `character ${at}`).toBe(false);
      expect(verdict).toHaveProperty("reason");
    }
  });

  it("name what is missing: quorum, log signature, path", async () => {
    expect(verifyProof(await proofOf(5, [2]), leaves[5]!, trust)).toMatchObject({ ok: false, reason: "quorum" });
    expect(verifyProof(await proofOf(5), leaves[6]!, trust)).toMatchObject({ ok: false, reason: "path" });
    const stranger = noteKeyOf(ORIGIN, "note", signer(9));
    expect(verifyProof(await proofOf(5), leaves[5]!, { ...trust, log: stranger })).toMatchObject({
      ok: false,
      reason: "signature",
    });
  });

  it("with an unauthenticated extra line are refused", async () => {
    const text = (await proofOf(5)).replace("\nindex", "\nextra AAAA\nindex");
    expect(verifyProof(text, leaves[5]!, trust)).toMatchObject({ ok: false, reason: "malformed" });
  });

  it("never throw on hostile text", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        expect(verifyProof(text, leaves[0]!, trust).ok).toBe(false);
        expect(verifyProof(`c2sp.org/tlog-proof@v1\nindex 0\n\n${text}`, leaves[0]!, trust).ok).toBe(false);
      }),
    );
  });
});
