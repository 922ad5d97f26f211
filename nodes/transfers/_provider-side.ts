/** Test fixture: a provider's negotiations about records, on a real ledger and the real engine, with stores that outlive it. */
import { digestOf } from "../../crypto/suites/digest.ts";
import { firstRequest } from "../../exchange/negotiation/compose.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { declaringOffer } from "../../exchange/transfers/declaration.ts";
import type { ReleaseExplanation } from "../../exchange/transfers/release-decision.ts";
import {
  admission,
  founding,
  NETWORK,
  type TestMember,
  testMember,
  transaction,
} from "../../ledger/conformance/fixture.ts";
import { memoryStore } from "../../ledger/embedded/_memory-store.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import type { LogStore } from "../../ledger/embedded/store.ts";
import type { Ledger } from "../../ledger/port.ts";
import { draft, asset as plausible } from "../../policies/_fixture.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { Policy } from "../../policies/model/policy.ts";
import { type PolicyDraft, policyOf } from "../../policies/model/policy-of.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import { createProcesses } from "../dataspace/processes.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { systemEffects } from "../runtime/effects.ts";
import type { RecordStore } from "../store/records.ts";
import type { KeptAgreement } from "./agreements.ts";
import { createApprovals, type Waiting } from "./approvals.ts";
import { permission } from "./gate.ts";
import { createHeldAgreements, type HeldMark } from "./held-agreements.ts";
import { createOfferJudge } from "./offer-judge.ts";
import { createReleaseNegotiations } from "./release-negotiations.ts";

export const NOW = "2026-06-01T00:00:00.000Z";
export const DAY_MS = 86_400_000;
export const PROVIDER = testMember("operator", { kind: "industry" });
export const CONSUMER = testMember("bureau", { kind: "government" });
export const OTHER = testMember("ministry", { kind: "government" });
export const ASSET: Asset = { ...plausible, id: "operator:panel", provider: "operator" };
export const DECLARED = { purpose: "industry-statistics", territory: "CN", retentionDays: 30 };

export const releasePolicy = (change: Partial<PolicyDraft> = {}): Policy =>
  policyOf({
    ...draft,
    asset: ASSET.id,
    provider: "operator",
    release: { elements: ["year"], formats: ["HttpData-PULL"] },
    ...change,
  });

type OpenStore = <V>(name: string) => RecordStore<V>;

/** What lies on the provider's disk, and its ledger. Opened again over the same stores it is the same one. */
export async function providerDisk(
  policy: Policy,
  { log = memoryStore(), openStore = () => memoryRecords() }: { log?: LogStore; openStore?: OpenStore } = {},
) {
  const world = { now: NOW, policy, asset: ASSET, withdrawn: false };
  const { ledger } = await createSequencer({
    store: log,
    network: NETWORK,
    identity: PROVIDER.identity,
    now: () => Date.parse(world.now),
  });
  await ledger.submit([founding(PROVIDER)]);
  for (const member of [CONSUMER, OTHER]) await ledger.submit([admission(PROVIDER, member)]);
  const disk = {
    world,
    ledger,
    agreements: openStore<KeptAgreement>("agreements"),
    marks: openStore<HeldMark>("marks"),
    records: openStore<ProcessRecord<Negotiation, NegotiationMessage>>("negotiations"),
    open: openStore<true>("negotiations-open"),
    waiting: openStore<Waiting>("waiting"),
    decisions: openStore<ReleaseExplanation>("decisions"),
    async register(version = 1) {
      world.asset = { ...ASSET, version };
      const body = {
        ...{ asset: ASSET.id, version, metadataDigest: digestOf(world.asset), policyDigest: digestOf(world.policy) },
        unitDomain: ASSET.unitDomain,
      };
      await ledger.submit([transaction(PROVIDER, "asset.register", body)]);
    },
    async activate(policy: Policy, version: number) {
      const body = { asset: ASSET.id, version, policyDigest: digestOf(policy) };
      await ledger.submit([transaction(PROVIDER, "policy.activate", body)]);
      world.policy = policy;
    },
  };
  await disk.register();
  return disk;
}
export type ProviderDisk = Awaited<ReturnType<typeof providerDisk>>;

/** One run of the provider's node over its disk. `ledger`: another one than the disk's, which may fail. */
export function providerSide(disk: ProviderDisk, ledger: Ledger = disk.ledger) {
  const { world, agreements, marks, records, waiting, decisions } = disk;
  const now = () => world.now;
  const record = (id: string) => [CONSUMER, OTHER, PROVIDER].find((one) => one.id === id)?.record;
  const members = { find: async (id: string) => ({ status: "active", record: record(id) }) } as never;
  const assets = {
    find: async () => ({
      state: world.withdrawn ? "withdrawn" : "registered",
      asset: world.asset,
      policy: world.policy,
      policyVersion: 1,
    }),
  } as never;
  const party = { ledger, identity: PROVIDER.identity, network: NETWORK, member: PROVIDER.id, now };
  const judge = createOfferJudge({ members, now, assets });
  const approvals = createApprovals({
    ...party,
    ...{ random: systemEffects.random, assets, judge, waiting, decisions },
    // The clock stands still: whoever moves it pokes.
    alarm: () => () => undefined,
    waitMs: () => 7 * DAY_MS,
    negotiation: (pid) => records.get(pid),
    poke: (pid) => engine.poke(pid),
  });
  const release = createReleaseNegotiations({
    ...party,
    ...{ agreements, judge, approvals },
    held: createHeldAgreements({ marks, ledger, now }),
  });
  const engine = createProcesses<Negotiation, NegotiationMessage>({
    protocol: negotiationProtocol,
    records,
    open: disk.open,
    now,
    post: async () => ({ kind: "taken", answer: {} }),
    ask: async () => undefined,
    admits: release.admits,
    next: release.next,
    onMoved: (moved) => void approvals.moved(moved).catch(() => undefined),
    onError: () => undefined,
  });
  return {
    engine,
    approvals,
    asked: (declared: object = {}, name = "pid-1", consumer: TestMember = CONSUMER) =>
      engine.takeFirst(consumer.id, messageWith(world.policy, declared, name), "ContractRequestMessage"),
    state: async (pid: string) => (await records.get(pid))?.side.document?.state,
    ended: async (pid: string) => (await records.get(pid))?.side.document?.termination,
    permission: (agreement: KeptAgreement["agreement"]) =>
      permission({ ledger, members, now, assets }, agreement, undefined),
  };
}
export type ProviderSide = ReturnType<typeof providerSide>;

export const messageWith = (policy: Policy, declared: object, name: string) =>
  firstRequest(name, declaringOffer(policy, { ...DECLARED, ...declared }), "https://bureau.example/dsp/2025-1");
