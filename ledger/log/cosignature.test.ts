import { describe, expect, it } from "vitest";
import { hashLeaf } from "../../crypto/suites/merkle.ts";
import { openCheckpoint, parseCheckpoint, signCheckpoint } from "./checkpoint.ts";
import { cosign, evaluateQuorum, majorityOf, verifyCosignature, withCosignatures } from "./cosignature.ts";
import { noteKeyOf } from "./note.ts";

// c2sp.org/tlog-checkpoint and c2sp.org/tlog-cosignature: the example of both specifications.
const SOFA =
  "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" +
  "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n" +
  "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

const seed = (byte: number) => new Uint8Array(32).fill(byte);
const signer = (byte: number) => ({ suite: "intl" as const, privateKey: seed(byte) });
const ORIGIN = "sealane.ledger/test";
const log = noteKeyOf(ORIGIN, "note", signer(1));
const witnesses = [2, 3, 4].map((byte) => ({
  key: noteKeyOf(`${ORIGIN}/w${byte}`, "cosignature", signer(byte)),
  name: `${ORIGIN}/w${byte}`,
  ...signer(byte),
}));
const keys = witnesses.map(({ key }) => key);
const checkpoint = { origin: ORIGIN, size: 12, root: hashLeaf(seed(9)) };
const note = signCheckpoint(checkpoint, signer(1));
const opened = openCheckpoint(note, log);
const cosignatures = witnesses.map((witness) => cosign(opened.note.text, witness, 1_700_000_000));

describe("checkpoints", () => {
  it("parse the specification's example", () => {
    const { checkpoint: sofa, note: sofaNote } = parseCheckpoint(SOFA);
    expect(sofa.origin).toBe("example.com/behind-the-sofa");
    expect(sofa.size).toBe(20852163);
    expect(Buffer.from(sofa.root).toString("base64")).toBe("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
    expect(sofaNote.signatures.map(({ name }) => name)).toEqual([
      "example.com/behind-the-sofa",
      "witness.example.com/w1",
    ]);
    // u64 timestamp of the specification: 1679315147.
    expect(Buffer.from(sofaNote.signatures[1]!.signature).readBigUInt64BE(0)).toBe(1679315147n);
  });

  it("open under the log's key and under no other", () => {
    expect(opened.checkpoint).toEqual(checkpoint);
    const stranger = noteKeyOf(ORIGIN, "note", signer(7));
    expect(() => openCheckpoint(note, stranger)).toThrow(expect.objectContaining({ code: "ERR_LOG_NOTE_SIGNATURE" }));
    const elsewhere = noteKeyOf("sealane.ledger/other", "note", signer(1));
    expect(() => openCheckpoint(note, elsewhere)).toThrow(
      expect.objectContaining({ code: "ERR_LOG_CHECKPOINT_MALFORMED" }),
    );
  });

  it("are refused after any changed character", () => {
    for (let at = 0; at < note.length; at++) {
      const changed = note.slice(0, at) + (note[at] === "A" ? "B" : "A") + note.slice(at + 1);
      expect(() => openCheckpoint(changed, log)).toThrow(expect.objectContaining({ name: "LogError" }));
    }
  });

  it.each(["\n5\n", `${ORIGIN}\n05\n`, `${ORIGIN}\n-5\n`, `${ORIGIN}\n9007199254740992\n`, `${ORIGIN} x\n5\n`])(
    "are refused with origin or size %j",
    (head) => {
      const text = `${head}CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— a AAAAAAA=\n`;
      expect(() => parseCheckpoint(text)).toThrow(expect.objectContaining({ name: "LogError" }));
    },
  );

  it("are refused with an extension line", () => {
    const text = `${ORIGIN}\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nmore\n\n— a AAAAAAA=\n`;
    expect(() => parseCheckpoint(text)).toThrow(/three lines/);
  });
});

describe("cosignatures", () => {
  it("carry their time and verify under their own name and key only", () => {
    expect(verifyCosignature(keys[0]!, opened.note.text, cosignatures[0]!)).toBe(1_700_000_000);
    expect(verifyCosignature(keys[1]!, opened.note.text, cosignatures[0]!)).toBeUndefined();
    expect(verifyCosignature(keys[0]!, `${opened.note.text}x\n`, cosignatures[0]!)).toBeUndefined();
    const later = { ...cosignatures[0]!, signature: cosignatures[0]!.signature.map((b, i) => (i === 7 ? b ^ 1 : b)) };
    expect(verifyCosignature(keys[0]!, opened.note.text, later)).toBeUndefined();
  });

  it("are no log signatures, even from the same key and name", () => {
    const cosigned = cosign(opened.note.text, { ...signer(1), name: ORIGIN }, 1);
    const text = withCosignatures({ ...opened, note: { ...opened.note, signatures: [] } }, [cosigned]);
    expect(() => openCheckpoint(text, log)).toThrow(expect.objectContaining({ code: "ERR_LOG_NOTE_SIGNATURE" }));
  });
});

describe("quorum", () => {
  const evaluate = (text: string, needed: number) => evaluateQuorum(parseCheckpoint(text), log, keys, needed);

  it("is reached by enough distinct known cosigners", () => {
    const text = withCosignatures(opened, cosignatures.slice(0, 2));
    expect(evaluate(text, 2)).toMatchObject({ reached: true, invalid: [], unknown: [] });
    expect(evaluate(text, 3).reached).toBe(false);
  });

  it("counts no cosigner twice and no stranger", () => {
    const twice = withCosignatures(opened, [cosignatures[0]!, cosignatures[0]!]);
    expect(evaluate(twice, 2)).toMatchObject({ reached: false, invalid: [witnesses[0]!.name] });
    const stranger = cosign(opened.note.text, { ...signer(8), name: "stranger" }, 5);
    expect(evaluate(withCosignatures(opened, [cosignatures[0]!, stranger]), 2)).toMatchObject({
      reached: false,
      unknown: ["stranger"],
    });
  });

  it("is refused when a known key's cosignature does not verify, however many others do", () => {
    const broken = { ...cosignatures[2]!, signature: cosignatures[2]!.signature.map((b) => b ^ 1) };
    expect(evaluate(withCosignatures(opened, [cosignatures[0]!, cosignatures[1]!, broken]), 2)).toMatchObject({
      reached: false,
      invalid: [witnesses[2]!.name],
    });
  });

  it("is a strict majority of the cosigners", () => {
    expect([0, 1, 2, 3, 4, 5].map(majorityOf)).toEqual([0, 1, 2, 2, 3, 3]);
  });
});

describe("suite gm", () => {
  const gmSigner = (byte: number) => ({ suite: "gm" as const, privateKey: seed(byte) });
  const gmLog = noteKeyOf(ORIGIN, "note", gmSigner(1));
  const cosigner = noteKeyOf(`${ORIGIN}/w2`, "cosignature", gmSigner(2));
  const gmOpened = openCheckpoint(signCheckpoint(checkpoint, gmSigner(1)), gmLog);

  it("signs and cosigns with key types of its own", () => {
    const cosigned = cosign(gmOpened.note.text, { ...gmSigner(2), name: cosigner.name }, 7);
    expect(verifyCosignature(cosigner, gmOpened.note.text, cosigned)).toBe(7);
    expect(verifyCosignature(cosigner, gmOpened.note.text.replace("12", "13"), cosigned)).toBeUndefined();
    const whole = parseCheckpoint(withCosignatures(gmOpened, [cosigned]));
    expect(evaluateQuorum(whole, gmLog, [cosigner], 1)).toMatchObject({ reached: true, unknown: [] });
  });

  it("is not mistaken for the other suite", () => {
    expect(() => openCheckpoint(signCheckpoint(checkpoint, gmSigner(1)), log)).toThrow(
      expect.objectContaining({ code: "ERR_LOG_NOTE_SIGNATURE" }),
    );
    const bySuites = parseCheckpoint(withCosignatures(gmOpened, [cosign(gmOpened.note.text, witnesses[0]!, 7)]));
    expect(evaluateQuorum(bySuites, gmLog, [cosigner], 1)).toMatchObject({ reached: false, unknown: [`${ORIGIN}/w2`] });
  });
});
