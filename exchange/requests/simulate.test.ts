import { expect, test } from "vitest";
import { asset, context, draft, request } from "../../policies/_fixture.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import type { AgreementRecord } from "./agreement-record.ts";
import type { Explanation, LifeRecord } from "./ports.ts";
import { type SimulationPorts, simulatePolicy, type Use } from "./simulate.ts";

const policy = policyOf(draft);
const NOW = "2026-11-22T10:00:00Z";
const AGREEMENT = "00000000-0000-4000-8000-00000000000a";
const { provider, requester, receiver, coordinator, sequencer } = context;
const members = [provider, requester, receiver, coordinator, sequencer];
const explanation = { outcome: "permit", reasons: [], policyVersion: 3, at: "2026-11-22T09:00:00Z", verdicts: [] };
const agreed = {
  agreement: AGREEMENT,
  terms: { asset, policy, agreement: { "sealane:validUntil": "2027-01-01T00:00:00Z" } },
} as unknown as AgreementRecord;
const life = { name: "opened", id: request.id, assets: { [asset.id]: { outcome: "permit" } } };

/** One request on the asset, permitted, agreed on and running. */
const portsWith = (uses: readonly Use[]): SimulationPorts => ({
  identity: { member: "ibm" } as never,
  now: () => NOW,
  appealEnd: () => NOW,
  directory: {
    member: async (id: string) => ({ ...members.find((one) => one?.id === id), active: true, attributes: {} }) as never,
    sequencer: async () => "operator",
    attributes: async () => context.attributes,
    privacyLeft: async () => undefined,
  } as never,
  stores: {
    lives: storeOf({ life, position: 1 } as unknown as LifeRecord),
    documents: storeOf({ document: { statement: request } } as never),
    explanations: { ...storeOf(undefined as never), get: async (id: string) => first(id) },
  },
  agreements: storeOf(agreed),
  uses: async () => uses,
  agreementStands: async () => true,
});
const first = (id: string) => (id.endsWith("/first") ? (explanation as unknown as Explanation) : undefined);
const storeOf = <V>(value: V) => ({
  get: async () => value,
  put: async () => undefined,
  delete: async () => undefined,
  entries: async function* () {
    yield [request.id, value] as const;
  },
});
const simulated = (uses: readonly Use[], limit: number) =>
  simulatePolicy(portsWith(uses), { asset, policy }, policyOf({ ...draft, uses: limit }));
const later = "2026-11-22T09:30:00Z";

test("a running agreement's own use is not counted against it once more", async () => {
  const { running, agreements } = await simulated([{ agreement: AGREEMENT, at: later }], 1);
  expect([running, agreements]).toEqual([1, []]);
});

test("uses of other agreements are", async () => {
  const uses = [
    { agreement: AGREEMENT, at: later },
    { agreement: "00000000-0000-4000-8000-00000000000b", at: later },
  ];
  expect((await simulated(uses, 1)).agreements).toMatchObject([{ wouldBe: "refuse", reasons: ["uses-exhausted"] }]);
  expect((await simulated(uses, 2)).agreements).toEqual([]);
});

test("a decision is judged again with the uses until then", async () => {
  const before = { agreement: "00000000-0000-4000-8000-00000000000b", at: "2026-11-22T08:30:00Z" };
  const changes = [{ decided: "permit", wouldBe: "refuse", count: 1 }];
  expect(await simulated([before], 1)).toMatchObject({ decisions: 1, changes });
  expect(await simulated([{ ...before, at: later }], 1)).toMatchObject({ decisions: 1, changes: [] });
});

test("a policy that is the first to want noise brings its own budget", async () => {
  const privacy = { epsilon: "1", budget: "5" };
  const noised = policyOf({ ...draft, privacy });
  const { changed } = await simulatePolicy(portsWith([]), { asset, policy }, noised);
  expect(changed.flatMap(({ reasons }) => reasons)).not.toContain("privacy-budget-spent");
});
