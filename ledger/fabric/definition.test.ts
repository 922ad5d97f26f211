import { expect, test } from "vitest";
import { peerOf, statingConfig } from "./_stating-peer.ts";
import { agreedPolicy } from "./definition.ts";

const agreed = (...peers: ReturnType<typeof peerOf>[]) => agreedPolicy(peers, "sealane", statingConfig);

test("the endorsement policy is what peers of two organisations state alike, under their signatures", async () => {
  expect(await agreed(peerOf("Org1MSP", "AAAA"), peerOf("Org2MSP", "AAAA"))).toBe("AAAA");
  const bad = peerOf("Org3MSP", "BBBB", { signs: "Org1MSP" });
  expect(await agreed(bad, peerOf("Org1MSP", "AAAA"), peerOf("Org2MSP", "AAAA"))).toBe("AAAA");
});

test("one organisation's word is not enough, however often it is said; nor is an unsigned one or one on something else", async () => {
  const one = peerOf("Org1MSP", "AAAA");
  const unreached = { code: "ERR_LEDGER_UNREACHABLE" };
  await expect(agreed(one)).rejects.toMatchObject(unreached);
  await expect(agreed(one, peerOf("Org1MSP", "AAAA"))).rejects.toMatchObject(unreached);
  await expect(agreed(one, peerOf("Org2MSP", "AAAA", { signs: "Org1MSP" }))).rejects.toMatchObject(unreached);
  await expect(agreed(one, peerOf("Org2MSP", "AAAA", { fn: "QueryApproved" }))).rejects.toMatchObject(unreached);
});

test("peers that name different policies are named, and nothing is handed over", async () => {
  await expect(agreed(peerOf("Org1MSP", "AAAA"), peerOf("Org2MSP", "BBBB"))).rejects.toMatchObject({
    code: "ERR_LEDGER_FORK",
    message: expect.stringMatching(/Org1MSP and Org2MSP name different endorsement policies/),
  });
});
