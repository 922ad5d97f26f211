/**
 * Proofs for auditors: the block of a record and the configuration blocks before it, each as peers of several organisations
 * state it.
 */
import { common } from "@hyperledger/fabric-protos";
import { type ExaminedFabric, examineFabric } from "../audit/examined-fabric.ts";
import type { BlockParts } from "../audit/fabric-block.ts";
import type { FabricBlock, FabricPart, FabricProof } from "../audit/fabric-bundle.ts";
import { wrappedField } from "../audit/fabric-evidence.ts";
import { FabricFault } from "../audit/fabric-fault.ts";
import { pinnedFabric } from "../audit/fabric-parts.ts";
import { type PeerStatement, statedBlock } from "../audit/fabric-statement.ts";
import { LedgerError } from "../port.ts";
import { agreedPolicy } from "./definition.ts";
import type { InForce } from "./order.ts";
import type { AskedPeer } from "./peers.ts";
import type { FabricProfile } from "./profile.ts";

export interface ProverOptions {
  readonly profile: FabricProfile;
  readonly peers: { readonly all: readonly Omit<AskedPeer, "blocks">[] };
  /** In force at the last block that this node verified; undefined before the first. */
  readonly inForce: () => InForce | undefined;
  /** The last block that this node holds. */
  readonly block: () => number;
}

export interface Prover {
  /** Throws LedgerError ERR_LEDGER_UNREACHABLE when fewer than two organisations' peers answer. */
  prove(place: FabricProof["place"]): Promise<FabricProof>;
}

interface StatedBlock {
  readonly statements: readonly PeerStatement[];
  readonly lastConfig: number;
}

const NEEDED = 2;
const MAX_CACHED = 2_000;
const MAX_GOOD = 200;

interface GoodPart {
  readonly part: FabricPart;
  readonly examined: ExaminedFabric;
}

export function createProver({ profile, peers, inForce, block: held }: ProverOptions): Prover {
  const { chaincode } = profile;
  /**
   * What is in a block never changes, and every proof begins with the same configuration; but whose statements count does
   * with the configuration.
   */
  const cache = new Map<number, Promise<StatedBlock>>();
  let cachedUnder = -1;
  /** Evidence of one request proves many records of a few blocks. By the policy and the numbers of the blocks. */
  const good = new Map<string, GoodPart>();
  /** A new definition of the chaincode may name another policy, and comes in a block. */
  let agreed: { readonly at: number; readonly policy: Promise<string> } | undefined;

  function policyNow({ config }: InForce): Promise<string> {
    if (agreed?.at !== held()) {
      const asked = { at: held(), policy: agreedPolicy(peers.all, chaincode, config) };
      agreed = asked;
      asked.policy.catch(() => {
        if (agreed === asked) agreed = undefined;
      });
    }
    return agreed.policy;
  }

  async function state(block: number): Promise<StatedBlock> {
    const asked = await Promise.allSettled(peers.all.map(({ statement }) => statement(block)));
    const statements = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const [first] = statements;
    if (first === undefined || statements.length < NEEDED) {
      const cause = asked.find((one) => one.status === "rejected")?.reason;
      const message = `fabric: block ${block}: ${statements.length} organisations' peers answered, ${NEEDED} are needed`;
      throw new LedgerError("ERR_LEDGER_UNREACHABLE", message, { cause });
    }
    return { statements, lastConfig: block === 0 ? 0 : lastConfigOf(statedBlock(first).signatures) };
  }

  function stated(block: number): Promise<StatedBlock> {
    const known = cache.get(block);
    if (known !== undefined) return known;
    const asked = state(block);
    asked.catch(() => cache.delete(block));
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(block, asked);
    return asked;
  }

  /** Numbers of the configuration blocks up to this one, ascending from 0. */
  async function configsUpTo(block: number): Promise<readonly number[]> {
    const found: number[] = [];
    for (let at = (await stated(block)).lastConfig; ; at = (await stated(at - 1)).lastConfig) {
      found.push(at);
      if (at === 0) return found.reverse();
    }
  }

  return Object.freeze({
    async prove(place: FabricProof["place"]) {
      const own = inForce();
      if (own === undefined) throw new LedgerError("ERR_LEDGER_UNREACHABLE", "fabric: no peer is followed yet");
      if (own.config.sequence !== cachedUnder) {
        cache.clear();
        good.clear();
        agreed = undefined;
      }
      cachedUnder = own.config.sequence;
      const policy = await policyNow(own);
      const numbers = [...new Set([...(await configsUpTo(place.block)), place.block])].sort((a, b) => a - b);
      const name = [policy, ...numbers].join(" ");
      const blocks = await Promise.all(numbers.map((number) => stated(number)));
      // Many records of one block are asked for at once: the first that has its statements verifies them.
      let known = good.get(name);
      if (known === undefined) {
        for (const { statements } of blocks) demandOwn(statedBlock(statements[0]!), profile, own);
        known = goodPart(partOf(profile, blocks), policy, place.block);
        if (good.size >= MAX_GOOD) good.clear();
        good.set(name, known);
      }
      demandCall(known.examined, place);
      return { place, part: known.part, policy };
    },
  });
}

/** The configurations that this node knows by their hash are those that it follows. */
function demandOwn({ number, hash }: BlockParts, { genesis }: FabricProfile, own: InForce): void {
  if ((number !== 0 || hash === genesis) && (number !== own.block || hash === own.hash)) return;
  throw unproved(number, "it is not the configuration that this node follows");
}

/** What an auditor would not take is not handed over. */
function goodPart(part: FabricPart, policy: string, block: number): GoodPart {
  const examined = examineFabric(part, pinnedFabric({ part, policy }));
  const [problem] = [...examined.chain.problems, ...examined.agreement.problems];
  if (problem !== undefined) throw unproved(block, `${problem.code} at ${problem.where}`);
  return { part, examined };
}

function demandCall({ evidence }: ExaminedFabric, { block, transaction }: FabricProof["place"]): void {
  try {
    evidence.call(block, transaction);
  } catch (error) {
    if (!(error instanceof FabricFault)) throw error;
    throw unproved(block, error.message);
  }
}

const unproved = (block: number, detail: string): LedgerError =>
  new LedgerError("ERR_LEDGER_FORK", `fabric: what the peers state of block ${block} does not verify: ${detail}`);

function partOf({ channel, chaincode }: FabricProfile, blocks: readonly StatedBlock[]): FabricPart {
  const identities: string[] = [];
  const placeOf = (endorser: Uint8Array): number => {
    const text = base64url(endorser);
    const at = identities.indexOf(text);
    return at === -1 ? identities.push(text) - 1 : at;
  };
  return {
    channel,
    chaincode,
    headers: [],
    blocks: blocks.map(({ statements }): FabricBlock => {
      const { envelopes } = statedBlock(statements[0]!);
      const data = Buffer.concat(envelopes.flatMap((envelope) => wrappedField(envelope)));
      return {
        data: envelopes.map(base64url),
        statements: statements.map(({ proposal, payload, endorser, signature }) => {
          const at = Buffer.from(payload).indexOf(data);
          if (at === -1) throw new LedgerError("ERR_LEDGER_FORK", "fabric: peers hold different blocks of one number");
          return {
            proposal: base64url(proposal),
            before: base64url(payload.subarray(0, at)),
            after: base64url(payload.subarray(at + data.length)),
            endorser: placeOf(endorser),
            signature: base64url(signature),
          };
        }),
      };
    }),
    identities,
  };
}

function lastConfigOf(signatures: Uint8Array): number {
  const value = common.Metadata.deserializeBinary(signatures).getValue_asU8();
  return common.OrdererBlockMetadata.deserializeBinary(value).getLastConfig()?.getIndex() ?? 0;
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
