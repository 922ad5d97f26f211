import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { FabricPart } from "../audit/fabric-bundle.ts";
import { readChannelConfig } from "../audit/fabric-channel.ts";
import { wrappedField } from "../audit/fabric-evidence.ts";
import { type PeerStatement, statedBlock } from "../audit/fabric-statement.ts";
import { createAgreement } from "./agreement.ts";

/** Recorded from a real network: see nodes/fabric/_record-evidence.ts. */
const { part, forged } = JSON.parse(
  gunzipSync(readFileSync(new URL("../audit/vectors/fabric.json.gz", import.meta.url))).toString("utf8"),
) as {
  readonly part: FabricPart;
  readonly forged: {
    readonly lies: readonly { readonly statement: number; readonly after: string; readonly signature: string }[];
  };
};
const bytes = (text: string) => Buffer.from(text, "base64url");
const last = part.blocks.at(-1)!;
const statements = part.blocks.map((block) =>
  block.statements.map(({ proposal, before, after, endorser, signature }): PeerStatement => {
    const data = block.data.flatMap((envelope) => wrappedField(bytes(envelope)));
    return {
      proposal: bytes(proposal),
      payload: Buffer.concat([bytes(before), ...data, bytes(after)]),
      endorser: bytes(part.identities[endorser]!),
      signature: bytes(signature),
    };
  }),
);
const [first, second] = statements.at(-1)! as [PeerStatement, PeerStatement];
const block = statedBlock(first);
const config = readChannelConfig(bytes(part.blocks[0]!.data[0]!));
/** Under Org2's own good signature: the last transaction is invalid. */
const lie = ((): PeerStatement => {
  const { after, signature } = forged.lies[0]!;
  const { before } = last.statements[1]!;
  const data = last.data.flatMap((envelope) => wrappedField(bytes(envelope)));
  return {
    ...second,
    payload: Buffer.concat([bytes(before), ...data, bytes(after)]),
    signature: bytes(signature),
  };
})();

type Answer = PeerStatement | Error;
/** The answers of Org2's and Org3's peers, one after the other; the last for ever. */
function asking(answers: Readonly<Record<string, readonly Answer[]>>) {
  const asked: string[] = [];
  const peers = Object.entries(answers).map(([mspId, given]) => {
    let next = 0;
    return {
      mspId,
      async statement() {
        asked.push(mspId);
        const answer = given[Math.min(next++, given.length - 1)]!;
        if (answer instanceof Error) throw answer;
        return answer;
      },
    };
  });
  const { signal } = new AbortController();
  return { asked, ...createAgreement({ peers, signal, tries: 6, pauseMs: 1 }) };
}
const behind = new Error("no such block yet");

test("a block is taken when a peer of another organisation states the same flags, also one that is some blocks behind", async () => {
  const { demand, asked } = asking({ Org1MSP: [first], Org2MSP: [behind, behind, second] });
  await demand(block, "Org1MSP", config);
  expect(asked).toEqual(["Org2MSP", "Org2MSP", "Org2MSP"]);
});

test("a valid transaction that the own peer calls invalid is found, and so is one that the other calls invalid", async () => {
  const hidden = { ...block, flags: Uint8Array.of(11) };
  await expect(asking({ Org2MSP: [second] }).demand(hidden, "Org1MSP", config)).rejects.toMatchObject({
    code: "ERR_LEDGER_FORK",
    message: expect.stringMatching(/Org1MSP and Org2MSP say of other transactions/),
  });
  await expect(asking({ Org2MSP: [lie] }).demand(block, "Org1MSP", config)).rejects.toMatchObject({
    code: "ERR_LEDGER_FORK",
  });
  const bare = { ...block, flags: new Uint8Array() };
  const both = asking({ Org2MSP: [{ ...second }] });
  await expect(both.demand(bare, "Org1MSP", config)).rejects.toMatchObject({ code: "ERR_LEDGER_FORK" });
});

test("another block of the same number is a fork", async () => {
  const other = { ...block, hash: "x".repeat(43) };
  await expect(asking({ Org2MSP: [second] }).demand(other, "Org1MSP", config)).rejects.toMatchObject({
    message: expect.stringContaining("hold different blocks"),
  });
});

test("an answer that its peer did not sign counts for nothing", async () => {
  const unsigned = { ...second, signature: first.signature };
  await expect(asking({ Org2MSP: [unsigned] }).demand(block, "Org1MSP", config)).rejects.toMatchObject({
    code: "ERR_LEDGER_UNREACHABLE",
    message: expect.stringContaining("Org2MSP"),
  });
});

test("with no second organisation of the channel in the profile nobody is asked", async () => {
  const { demand, asked } = asking({ Org1MSP: [first], Org9MSP: [second] });
  await demand(block, "Org1MSP", config);
  expect(asked).toEqual([]);
});
