import { expect, test } from "vitest";
import type { KnownIdentity } from "../audit/fabric-msp.ts";
import { areAtOdds, type Endorsement, enoughOf } from "./endorsements.ts";

const endorsement = (mspId: string, result: string): Endorsement => ({
  peer: { mspId } as KnownIdentity,
  statement: {
    proposal: Uint8Array.of(),
    payload: Buffer.from(result),
    endorser: Buffer.from(mspId),
    signature: Uint8Array.of(),
  },
});
const [one, two, other] = [endorsement("Org1MSP", "a"), endorsement("Org2MSP", "a"), endorsement("Org3MSP", "b")];
const twoPeers = (signers: readonly KnownIdentity[]) => new Set(signers.map(({ mspId }) => mspId)).size >= 2;

test("answers make a transaction once those with one and the same result are enough for the policy", () => {
  expect(enoughOf([], twoPeers)).toBeUndefined();
  expect(enoughOf([one], twoPeers)).toBeUndefined();
  expect(enoughOf([one, other], twoPeers)).toBeUndefined();
  expect(enoughOf([one, other, two], twoPeers)).toEqual([one.statement, two.statement]);
});

test("different results for one call are told from too few", () => {
  expect(areAtOdds([one, two])).toBe(false);
  expect(areAtOdds([one, other])).toBe(true);
});
