import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { common, gateway } from "@hyperledger/fabric-protos";
import { expect, test } from "vitest";
import type { FabricPart } from "../audit/fabric-bundle.ts";
import { createNamedEndorsers } from "./named-endorsers.ts";

/** Recorded from a real network: see nodes/fabric/_record-evidence.ts. The last transaction is endorsed by two organisations. */
const { part } = JSON.parse(
  gunzipSync(readFileSync(new URL("../audit/vectors/fabric.json.gz", import.meta.url))).toString("utf8"),
) as { readonly part: FabricPart };
const prepared = new gateway.PreparedTransaction();
prepared.setEnvelope(common.Envelope.deserializeBinary(Buffer.from(part.blocks.at(-1)!.data[0]!, "base64url")));
const endorsed = { getBytes: () => prepared.serializeBinary() };
const ENDORSERS = ["Org1MSP", "Org2MSP"];

/** A Gateway that answers like this, one call after the other. */
function asking(...answers: readonly (typeof endorsed | Error)[]) {
  const named: (readonly string[] | undefined)[] = [];
  const endorsers = createNamedEndorsers();
  const endorse = () =>
    endorsers.endorse(async (organisations) => {
      named.push(organisations);
      const answer = answers[named.length - 1]!;
      if (answer instanceof Error) throw answer;
      return answer;
    });
  return { named, endorse, forget: endorsers.forget };
}
const failed = (code: number) => Object.assign(new Error("endorse"), { code });

test("a call names those who endorsed the one before it", async () => {
  const { named, endorse } = asking(endorsed, endorsed, endorsed);
  for (let call = 0; call < 3; call += 1) expect(await endorse()).toBe(endorsed);
  expect(named.map((organisations) => organisations?.toSorted())).toEqual([undefined, ENDORSERS, ENDORSERS]);
});

test("where those named fail, the Gateway chooses at once, and those who endorse then are named next", async () => {
  const { named, endorse } = asking(endorsed, failed(status.ABORTED), endorsed, endorsed);
  for (let call = 0; call < 3; call += 1) await endorse();
  expect(named.map((organisations) => organisations?.length)).toEqual([undefined, 2, undefined, 2]);
});

test("a call that took too long is not made again, and names nobody the next time", async () => {
  const { named, endorse } = asking(endorsed, failed(status.DEADLINE_EXCEEDED), endorsed);
  await endorse();
  await expect(endorse()).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
  await endorse();
  expect(named.map((organisations) => organisations?.length)).toEqual([undefined, 2, undefined]);
});

test("after a call that the policy did not take nobody is named", async () => {
  const { named, endorse, forget } = asking(endorsed, endorsed);
  await endorse();
  forget();
  await endorse();
  expect(named).toEqual([undefined, undefined]);
});
