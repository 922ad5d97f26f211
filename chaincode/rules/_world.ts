/** A ledger in memory for tests of the rules: real keys, a clock that the test moves, and one whole computation's life. */

import { signStatement } from "../../crypto/suites/signed.ts";
import {
  admission,
  digest,
  founding,
  type TestMember,
  testMember,
  transaction,
  uuid,
} from "../../ledger/conformance/fixture.ts";
import { verifyForContract } from "../../ledger/contract.ts";
import type { SignedTransaction } from "../../ledger/port.ts";
import { agreementIdOf } from "./agreement-id.ts";
import { execute, type Outcome } from "./execute.ts";
import type { StateStore } from "./host.ts";
import type { TransactionBody, TransactionType } from "./transactions.ts";

export class MemoryState implements StateStore {
  readonly values = new Map<string, string>();
  /** Fails the test that lets a rule put before it has finished checking. */
  puts = 0;

  async get(key: string): Promise<unknown> {
    const text = this.values.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  async put(key: string, value: unknown): Promise<void> {
    this.puts += 1;
    this.values.set(key, JSON.stringify(value));
  }

  async *range(prefix: string): AsyncIterable<readonly [string, unknown]> {
    const found = [...this.values].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, text] of found) yield [key, JSON.parse(text)];
  }
}

export const START = Date.parse("2026-03-01T08:00:00.000Z");
export const minutes = (count: number): string => new Date(START + count * 60_000).toISOString();

export type World = ReturnType<typeof emptyWorld>;

export function emptyWorld() {
  const state = new MemoryState();
  let position = 0;
  let serial = 0;
  const world = {
    state,
    /** Minutes since START. */
    clock: 0,
    async run(signed: unknown): Promise<Outcome> {
      const host = { store: state, time: minutes(world.clock), position, logSize: position, verify: verifyForContract };
      const outcome = await execute(host, signed);
      if (outcome.ok && outcome.repeats === undefined) position += 1;
      return outcome;
    },
    /** Signs and runs; every call is a transaction of its own. */
    async submit<T extends TransactionType>(author: TestMember, type: T, body: TransactionBody<T>): Promise<Outcome> {
      serial += 1;
      return world.run(transaction(author, type, body, uuid(`${type} ${serial}`)));
    },
    /** The same, and the test fails unless it is accepted. */
    async must<T extends TransactionType>(author: TestMember, type: T, body: TransactionBody<T>): Promise<void> {
      accepted(await world.submit(author, type, body), type);
    },
    async mustRun(signed: SignedTransaction): Promise<void> {
      accepted(await world.run(signed), signed.statement.type);
    },
  };
  return world;
}

function accepted(outcome: Outcome, type: string): void {
  if (!outcome.ok) throw new Error(`${type}: ${outcome.code} ${outcome.message}`);
}

export const operator = testMember("operator", { kind: "industry" });
export const requester = testMember("requester", { kind: "government" });
export const receiver = testMember("receiver", { kind: "government" });
export const coordinator = testMember("coordinator", { kind: "industry" });
const SECTORS = ["17", "17", "17", "17", "17", "28", "28", "28", "28", "18"];
/** Sorted by id; five in sector 17, four in 28, one in 18. */
export const providers = SECTORS.map((sector, at) => testMember(`provider-${at}`, { attributes: { sector } }));
export const REQUEST = uuid("request");
export const COMPUTATION = uuid("computation");
export const assetOf = (provider: TestMember): string => `${provider.id}:output`;
export const agreementOf = (provider: TestMember, about = REQUEST): string => agreementIdOf(about, assetOf(provider));

export async function foundedWorld(): Promise<World> {
  const world = emptyWorld();
  await world.mustRun(founding(operator));
  for (const member of [requester, receiver, coordinator, ...providers]) {
    await world.mustRun(admission(operator, member));
  }
  return world;
}

export const assetBody = (provider: TestMember, version = 1): TransactionBody<"asset.register"> => ({
  asset: assetOf(provider),
  version,
  metadataDigest: digest(`metadata ${version}`),
  policyDigest: digest("policy"),
  unitDomain: `domain-${provider.id}`,
});

export const requestBody = (): TransactionBody<"request.submit"> => ({
  request: REQUEST,
  digest: digest("request"),
  assets: providers.map(assetOf),
  receiver: receiver.id,
});

export const decisionBody = (
  provider: TestMember,
  changes: Partial<TransactionBody<"decision.record">> = {},
): TransactionBody<"decision.record"> => ({
  request: REQUEST,
  asset: assetOf(provider),
  outcome: "permit",
  reasons: ["purpose-allowed"],
  policyDigest: digest("policy"),
  policyVersion: 1,
  explanationDigest: digest("explanation"),
  ...changes,
});

export const agreementBody = (
  provider: TestMember,
  changes: Partial<TransactionBody<"agreement.conclude">> = {},
): TransactionBody<"agreement.conclude"> => ({
  agreement: agreementOf(provider),
  request: REQUEST,
  asset: assetOf(provider),
  assetVersion: 1,
  consumer: requester.id,
  digest: digest("agreement"),
  validUntil: minutes(24 * 60),
  ...changes,
});

export async function requestedWorld(): Promise<World> {
  const world = await foundedWorld();
  for (const provider of providers) await world.must(provider, "asset.register", assetBody(provider));
  await world.must(requester, "request.submit", requestBody());
  return world;
}

export async function agreedWorld(changes: Partial<TransactionBody<"agreement.conclude">> = {}): Promise<World> {
  const world = await requestedWorld();
  for (const provider of providers) {
    await world.must(provider, "decision.record", decisionBody(provider));
    await world.must(provider, "agreement.conclude", agreementBody(provider, changes));
  }
  return world;
}

type Opening = TransactionBody<"computation.open">;

/** Ten providers, quorum 7, need 4: sectors 17 (5) and 28 (4); 18 (1) is small. */
export function openingBody(changes: Partial<Opening> = {}): Opening {
  const computation = changes.computation ?? COMPUTATION;
  return {
    computation,
    request: REQUEST,
    queryDigest: digest("query"),
    layoutDigest: digest("layout"),
    policyDigest: digest("policies"),
    cohort: providers.map((provider) => ({
      member: provider.id,
      holdingGroup: provider.record.holdingGroup,
      asset: assetOf(provider),
      assetVersion: 1,
      agreement: agreementOf(provider),
    })),
    coordinator: coordinator.id,
    receiver: receiver.id,
    receiverKey: receiverKey(computation),
    receiverMode: "reviewed",
    constants: {
      members: 10,
      threshold: 7,
      quorum: 7,
      minimumOrganisations: 4,
      minimumUnits: 0,
      colluders: 1,
      drops: 0,
      need: 4,
    },
    graph: "complete",
    cells: { mode: "counted", dimensions: [] },
    deadlines: {
      keys: minutes(10),
      shares: minutes(20),
      contribution1: minutes(30),
      contribution2: minutes(40),
      release: minutes(50),
    },
    ...changes,
  };
}

export const receiverKey = (
  computation: string,
  by: TestMember = receiver,
  publicKey = digest("receiver's public key"),
  request = REQUEST,
): Opening["receiverKey"] =>
  signStatement(by.identity, "receiver-key", {
    computation,
    request,
    receiver: receiver.id,
    publicKey,
  });

export const registryCells: Opening["cells"] = {
  mode: "registry",
  dimensions: [{ name: "sector", size: 3, attribute: { name: "sector", values: ["17", "18", "28"] } }],
};

export async function openedWorld(changes: Partial<Opening> = {}): Promise<World> {
  const world = await agreedWorld();
  await world.must(requester, "computation.open", openingBody(changes));
  return world;
}

export const setBody = (members: readonly TestMember[], computation = COMPUTATION) => ({
  computation,
  members: members.map(({ id }) => id),
  root: digest("root"),
});

export const header = (
  member: TestMember,
  phase: 1 | 2,
  changes: { computation?: string; context?: string; type?: "contribution-1" | "contribution-2" } = {},
): TransactionBody<"computation.close">["headers"][number] =>
  signStatement(member.identity, "secagg-message", {
    type: `contribution-${phase}` as const,
    computation: COMPUTATION,
    context: digest(`context ${phase}`),
    bytes: 128,
    digest: digest(`contribution of ${member.id}`),
    ...changes,
  });

export const closeBody = (phase: 1 | 2, members: readonly TestMember[]): TransactionBody<"computation.close"> => ({
  computation: COMPUTATION,
  phase,
  headers: members.map((member) => header(member, phase)),
  root: digest("close root"),
});

export async function maskedWorld(changes: Partial<Opening> = {}, members = providers): Promise<World> {
  const world = await openedWorld(changes);
  await world.must(coordinator, "computation.keyset", setBody(providers));
  await world.must(coordinator, "computation.maskset", setBody(members));
  return world;
}

export async function countedWorld(changes: Partial<Opening> = {}): Promise<World> {
  const world = await maskedWorld(changes);
  await world.must(coordinator, "computation.close", closeBody(1, providers));
  await world.must(coordinator, "computation.counts", { computation: COMPUTATION, digest: digest("counts") });
  return world;
}

/** Closed without the last provider, after the deadline. */
export async function closedWorld(changes: Partial<Opening> = {}): Promise<World> {
  const world = await countedWorld(changes);
  world.clock = 41;
  await world.must(coordinator, "computation.close", closeBody(2, providers.slice(0, 9)));
  return world;
}

export const receiptFor = (
  member: TestMember,
  phase: 1 | 2,
  time: string,
  by: TestMember = coordinator,
): TransactionBody<"computation.omitted">["receipt"] =>
  signStatement(by.identity, "receipt", {
    computation: COMPUTATION,
    phase,
    member: member.id,
    header: digest("header"),
    time,
  });

export const releaseBody = (): TransactionBody<"result.release"> => ({
  computation: COMPUTATION,
  request: REQUEST,
  resultDigest: digest("result"),
  rules: ["minimum-organisations"],
  reviewers: ["reviewer one"],
  withheldCells: 0,
});
