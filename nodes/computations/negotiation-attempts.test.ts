import { expect, test } from "vitest";
import { dataRequestOf } from "../../exchange/negotiation/data-request.ts";
import type { MessageOffer } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import type { Role } from "../../exchange/protocol/vocabulary.ts";
import { consumerPidOf } from "../../exchange/requests/agreement-record.ts";
import type { KnownLife } from "../../exchange/requests/decide-request.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { defaultPolicy } from "./_network.ts";
import { askFor } from "./negotiation-attempts.ts";
import { createNegotiationIndex, type NegotiationRecord } from "./negotiation-index.ts";

const REQUEST = "5d1f0f0e-9f0e-4f0e-8d3c-6a2a0f0c0001";
const ASSET = "beta:panel";
const LIFE = { name: "submitted", id: REQUEST, digest: "A".repeat(43), requester: "alpha" } as KnownLife;
const NOW = "2026-11-22T12:00:00.000Z";
const pidOf = (attempt: number) => consumerPidOf(REQUEST, ASSET, attempt);

/** A requester at noon; what it begins lies open in `records`. */
function created(base = "https://alpha.example/dsp/2025-1", offer?: () => Promise<never>) {
  const records = new Map<string, Pick<NegotiationRecord, "side" | "refusal">>();
  const begun: { pid: string; peer: string; address: string; offer: MessageOffer }[] = [];
  const alarms: string[] = [];
  const index = createNegotiationIndex(memoryRecords());
  const policy = policyOf(defaultPolicy("beta"));
  return {
    begun,
    alarms,
    index,
    over: (attempt: number, how: { termination?: string; by?: Role; refusal?: NegotiationRecord["refusal"] }) =>
      records.set(pidOf(attempt), {
        side: {
          role: "consumer",
          sending: undefined,
          taken: undefined,
          document:
            how.termination === undefined
              ? undefined
              : ({
                  state: "TERMINATED",
                  termination: { by: how.by ?? "provider", code: how.termination },
                } as Negotiation),
        },
        ...(how.refusal === undefined ? {} : { refusal: how.refusal }),
      }),
    ask: () =>
      askFor(
        {
          engine: {
            find: async (pid) => records.get(pid) as NegotiationRecord | undefined,
            async begin({ pid, peer, address, message }) {
              begun.push({ pid, peer, address, offer: (message as { offer: MessageOffer }).offer });
            },
          },
          index,
          timers: { isAhead: (due) => due > NOW, at: (_key, due) => void alarms.push(due) },
          base,
          addressOf: async (member) => `https://${member}.example/dsp/2025-1`,
          offer: offer ?? (async () => policy),
          poke: () => undefined,
        },
        LIFE,
        ASSET,
      ),
  };
}
const refusal = (code: string, isFinal: boolean) => ({
  type: "ContractRequestMessage",
  code,
  reasons: [],
  at: NOW,
  isFinal,
});

test("the first attempt sends the provider's own offer with the data request in it", async () => {
  const world = created();
  await world.ask();
  expect(world.begun).toMatchObject([{ pid: pidOf(0), peer: "beta", address: "https://beta.example/dsp/2025-1" }]);
  const [{ offer } = { offer: undefined as never }] = world.begun;
  expect(offer.target).toBe(ASSET);
  expect(dataRequestOf(offer)).toEqual({
    "@id": `https://alpha.example/dsp/2025-1/requests/${REQUEST}`,
    request: REQUEST,
    digest: LIFE.digest,
  });
  expect(await world.index.latest("consumer", { request: REQUEST, asset: ASSET })).toBe(pidOf(0));
});

test("where the catalogue does not answer, an open offer is sent, and a URN where nobody can fetch", async () => {
  const world = created("urn:sealane:member:alpha", async () => {
    throw new Error("no entry");
  });
  await world.ask();
  expect(dataRequestOf(world.begun[0]!.offer)?.["@id"]).toBe(`urn:sealane:request:${REQUEST}`);
  expect(world.begun[0]!.offer.permission).toHaveLength(1);
});

test("one that runs is not begun again", async () => {
  const world = created();
  const record = { pid: pidOf(0), side: { role: "consumer" } } as NegotiationRecord;
  world.index.isRunning(record, { request: REQUEST, asset: ASSET });
  await world.ask();
  expect(world.begun).toEqual([]);
  world.index.isOver(record, { request: REQUEST, asset: ASSET });
  await world.ask();
  expect(world.begun).toHaveLength(1);
});

test("after a policy was replaced the next attempt begins at once, under an id of its own", async () => {
  const world = created();
  world.over(0, { termination: "policy-replaced" });
  world.over(1, { termination: "deadline-passed", by: "consumer" });
  await world.ask();
  expect(world.begun.map(({ pid }) => pid)).toEqual([pidOf(2)]);
});

test("after a provider that could not be reached it waits, and is rung", async () => {
  const world = created();
  world.over(0, { refusal: refusal("ECONNREFUSED", false) });
  await world.ask();
  expect([world.begun, world.alarms]).toEqual([[], ["2026-11-22T12:01:00.000Z"]]);
});

test.each([
  ["that the provider refused for good", { refusal: refusal("request-over", true) }],
  ["that ended with a refusal of the request", { termination: "data-request-refused" }],
  ["that ended because a message was refused", { termination: "peer-refused" }],
  ["that the provider let pass", { termination: "deadline-passed" }],
])("after one %s nothing is begun any more", async (_name, how) => {
  const world = created();
  world.over(0, how);
  await world.ask();
  expect([world.begun, world.alarms]).toEqual([[], []]);
});

test("attempts that were forgotten do not begin again", async () => {
  const world = created();
  world.over(2, { termination: "data-request-refused" });
  await world.index.note("consumer", { request: REQUEST, asset: ASSET }, pidOf(2));
  await world.ask();
  expect(world.begun).toEqual([]);
});

test("there is a last attempt", async () => {
  const world = created();
  for (let attempt = 0; attempt < 32; attempt += 1) world.over(attempt, { termination: "policy-replaced" });
  await world.ask();
  expect(world.begun).toEqual([]);
});
