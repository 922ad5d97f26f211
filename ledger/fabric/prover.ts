/**
 * Proofs for auditors: the block of a record and the configuration blocks before it, each as peers of several organisations
 * state it.
 */
import { common } from "@hyperledger/fabric-protos";
import { examineFabric } from "../audit/examined-fabric.ts";
import type { BlockParts } from "../audit/fabric-block.ts";
import type { FabricBlock, FabricPart, FabricProof } from "../audit/fabric-bundle.ts";
import { wrappedField } from "../audit/fabric-evidence.ts";
import { FabricFault } from "../audit/fabric-fault.ts";
import { pinnedFabric } from "../audit/fabric-parts.ts";
import { type PeerStatement, statedBlock } from "../audit/fabric-statement.ts";
import { LedgerError } from "../port.ts";
import { agreedPolicy } from "./definition.ts";
import type { InForce } from "./order.ts";
import type { Peers } from "./peers.ts";
import type { FabricProfile } from "./profile.ts";

export interface ProverOptions {
  readonly profile: FabricProfile;
  readonly peers: Peers;
  /** In force at the last block that this node verified; undefined before the first. */
  readonly inForce: () => InForce | undefined;
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

export function createProver({ profile, peers, inForce }: ProverOptions): Prover {
  const { chaincode } = profile;
  /**
   * What is in a block never changes, and every proof begins with the same configuration; but whose statements count does
   * with the configuration.
   */
  const cache = new Map<number, Promise<StatedBlock>>();
  let cachedUnder = -1;

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
      if (own.config.sequence !== cachedUnder) cache.clear();
      cachedUnder = own.config.sequence;
      // Asked for each proof: a new definition of the chaincode may name another.
      const policy = await agreedPolicy(peers.all, chaincode, own.config);
      const numbers = [...new Set([...(await configsUpTo(place.block)), place.block])].sort((a, b) => a - b);
      const blocks = await Promise.all(numbers.map((number) => stated(number)));
      const proof: FabricProof = { place, part: partOf(profile, blocks), policy };
      for (const { statements } of blocks) demandOwn(statedBlock(statements[0]!), profile, own);
      demandGood(proof);
      return proof;
    },
  });
}

/** The configurations that this node knows by their hash are those that it follows. */
function demandOwn({ number, hash }: BlockParts, { genesis }: FabricProfile, own: InForce): void {
  if ((number !== 0 || hash === genesis) && (number !== own.block || hash === own.hash)) return;
  throw unproved(number, "it is not the configuration that this node follows");
}

/** What an auditor would not take is not handed over. */
function demandGood(proof: FabricProof): void {
  const { block, transaction } = proof.place;
  const { evidence, chain, agreement } = examineFabric(proof.part, pinnedFabric(proof));
  const [problem] = [...chain.problems, ...agreement.problems];
  if (problem !== undefined) throw unproved(block, `${problem.code} at ${problem.where}`);
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
