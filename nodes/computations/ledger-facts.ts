/** Everything the use cases ask the ledger, answered from this node's own verified replica. */
import {
  countAssetUses,
  readAgreement,
  readAsset,
  readAssetVersion,
  readComputation,
  readComputationOpened,
  readDecision,
  readDecisions,
  readKey,
  readMember,
  readNetwork,
  readNetworkSuite,
  readPrivacyAccount,
  readPrivacyAccounts,
  readRequest,
  type StateReader,
} from "../../chaincode/rules/keys.ts";
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import type { Identity, Parties } from "../../crypto/secagg/opened.ts";
import { readPublicKey, type SuiteId, suiteOf } from "../../crypto/suites/suite.ts";
import type { Directory } from "../../exchange/requests/ports.ts";

export interface LedgerFacts extends Directory {
  /** The network's: of new keys and computations. */
  suite(): Promise<SuiteId>;
  /** Undefined until the computation is opened. */
  opened(computation: string): Promise<ComputationOpened | undefined>;
  /** What else the steps need to know about the people around a computation. */
  parties(opened: ComputationOpened, coordinatorMaySequence: boolean): Promise<Parties>;
  decision(
    request: string,
    asset: string,
  ): Promise<{ outcome: "permit" | "refuse" | "wait"; policyDigest: string; explanationDigest: string } | undefined>;
  /** A finalized agreement that is neither revoked nor past its end. */
  agreementStands(agreement: string, now: string): Promise<boolean>;
  /** The quota of its asset is spent, over all agreements. */
  isUsedUp(agreement: string): Promise<boolean>;
  metadataDigest(asset: string, version: number): Promise<string | undefined>;
  excludedGroups(members: readonly string[]): Promise<ReadonlySet<string>>;
  /** Holding groups by member, of those that are on the ledger. */
  groupsOf(members: Iterable<string>): Promise<Readonly<Record<string, string>>>;
}

/** The account of an asset that has least left; undefined where it has none. In billionths of ρ. */
export async function privacyOf(state: StateReader, asset: string) {
  const accounts = await Promise.all(
    (await readPrivacyAccounts(state, asset)).map(async (id) => ({ id, ...(await readPrivacyAccount(state, id))! })),
  );
  const left = accounts.map(({ budget, spent }) => Math.max(0, budget - spent));
  return accounts.length === 0 ? undefined : { accounts, left: Math.min(...left) };
}

export function createLedgerFacts(state: StateReader): LedgerFacts {
  const member: Directory["member"] = async (id) => {
    const found = await readMember(state, id);
    if (found === undefined) return undefined;
    const { kind, holdingGroup, attributes, endpoint } = found.record;
    return {
      id,
      active: found.status === "active",
      kind,
      holdingGroup,
      attributes,
      ...(endpoint === undefined ? {} : { endpoint }),
    };
  };
  const network = async () => {
    const found = await readNetwork(state);
    if (found === undefined) throw new TypeError("the ledger replica holds no network yet");
    return found;
  };
  const identityOf = async (id: string): Promise<Identity> => {
    const found = await readMember(state, id);
    if (found === undefined) throw new TypeError(`${id}: not on the ledger replica`);
    const { suite, publicKey } = found.record.identity;
    return { suite, publicKey };
  };

  return Object.freeze({
    member,
    async asset(id: string) {
      const found = await readAsset(state, id);
      const version = found === undefined ? undefined : await readAssetVersion(state, id, found.version);
      if (found === undefined || version === undefined) return undefined;
      return {
        id,
        version: found.version,
        withdrawn: found.state === "withdrawn",
        metadataDigest: version.metadataDigest,
        policyDigest: found.policyDigest,
        policyVersion: found.policyVersion,
        unitDomain: version.unitDomain,
      };
    },
    sequencer: async () => (await network()).sequencer,
    async suite() {
      return suiteOf((await readNetworkSuite(state)) ?? "").id;
    },
    attributes: async () => (await network()).attributes,
    async request(id: string) {
      const found = await readRequest(state, id);
      if (found === undefined) return undefined;
      const refusals = (await readDecisions(state, id)).filter(({ decision }) => decision.outcome === "refuse");
      const refusedAt = refusals.toSorted((a, b) => a.position - b.position).at(-1)?.time;
      const { requester, time: filedAt } = found;
      return { requester, filedAt, ...(refusedAt === undefined ? {} : { refusedAt }) };
    },
    privacyLeft: async (id: string) => (await privacyOf(state, id))?.left,
    async publicKey(id: string, key: string) {
      const [found, keyState] = await Promise.all([readMember(state, id), readKey(state, key)]);
      // What was signed with a key that has since been replaced still counts; a revoked key proves nothing.
      if (found?.status !== "active" || keyState?.member !== id || keyState.state === "revoked") return undefined;
      return readPublicKey(keyState).publicKey;
    },
    opened: (computation: string) => readComputationOpened(state, computation),
    async parties(opened: ComputationOpened, coordinatorMaySequence: boolean) {
      const { body, requester } = opened;
      const { sequencer } = await network();
      const cohort = body.cohort.map((entry) => entry.member);
      const outsiders = [
        body.coordinator,
        body.receiver,
        requester,
        sequencer,
        ...(body.auditor ? [body.auditor] : []),
      ];
      const groups: Record<string, string> = {};
      for (const id of outsiders) groups[id] = (await member(id))?.holdingGroup ?? id;
      const identities: Record<string, Identity> = {};
      for (const id of new Set([...cohort, body.coordinator, body.receiver])) identities[id] = await identityOf(id);
      const attributes: Record<string, Readonly<Record<string, string>>> = {};
      for (const id of cohort) attributes[id] = (await member(id))?.attributes ?? {};
      const restarts = (await readComputation(state, body.computation))?.restarts ?? 0;
      return { requester, sequencer, identities, groups, attributes, restarts, coordinatorMaySequence };
    },
    async decision(request: string, asset: string) {
      const found = await readDecision(state, request, asset);
      if (found === undefined) return undefined;
      const { outcome, policyDigest, explanationDigest } = found.decision;
      return { outcome, policyDigest, explanationDigest };
    },
    async agreementStands(agreement: string, now: string) {
      const found = await readAgreement(state, agreement);
      return found?.state === "finalized" && Date.parse(found.agreement.validUntil) > Date.parse(now);
    },
    async isUsedUp(agreement: string) {
      const found = await readAgreement(state, agreement);
      if (found?.agreement.maxUses === undefined) return false;
      return (await countAssetUses(state, found.agreement.asset)) >= found.agreement.maxUses;
    },
    metadataDigest: async (asset: string, version: number) =>
      (await readAssetVersion(state, asset, version))?.metadataDigest,
    async groupsOf(members: Iterable<string>) {
      const found = await Promise.all([...members].map(member));
      return Object.fromEntries(found.flatMap((one) => (one === undefined ? [] : [[one.id, one.holdingGroup]])));
    },
    async excludedGroups(members: readonly string[]) {
      const found = await Promise.all(members.map(member));
      return new Set(found.flatMap((one) => (one === undefined ? [] : [one.holdingGroup])));
    },
  });
}
