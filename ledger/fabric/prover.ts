/**
 * Proofs for auditors: the block of a record and the configuration blocks before it, each as peers of several organisations
 * state it.
 */
import { common, peer } from "@hyperledger/fabric-protos";
import type { FabricBlock, FabricPart, FabricProof } from "../audit/fabric-bundle.ts";
import { wrappedField } from "../audit/fabric-evidence.ts";
import { answerIn, type PeerStatement, statedBlock } from "../audit/fabric-statement.ts";
import { LedgerError } from "../port.ts";
import type { Peers } from "./peers.ts";
import type { FabricProfile } from "./profile.ts";

export interface ProverOptions {
  readonly profile: FabricProfile;
  readonly peers: Peers;
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

export function createProver({ profile, peers }: ProverOptions): Prover {
  const { chaincode } = profile;
  /** What is in a block never changes, and every proof begins with the same configuration. */
  const cache = new Map<number, Promise<StatedBlock>>();

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

  async function policy(): Promise<string> {
    const args = new peer.lifecycle.QueryChaincodeDefinitionArgs();
    args.setName(chaincode);
    const [own] = peers.all;
    if (own === undefined) throw new LedgerError("ERR_LEDGER_PROFILE", "fabric: the profile names no peer");
    const { payload } = await own.ask("_lifecycle", "QueryChaincodeDefinition", [args.serializeBinary()]);
    const definition = peer.lifecycle.QueryChaincodeDefinitionResult.deserializeBinary(answerIn(payload));
    return base64url(definition.getValidationParameter_asU8());
  }
  let agreed: Promise<string> | undefined;

  return Object.freeze({
    async prove(place: FabricProof["place"]) {
      agreed ??= policy();
      agreed.catch(() => {
        agreed = undefined;
      });
      const numbers = [...new Set([...(await configsUpTo(place.block)), place.block])].sort((a, b) => a - b);
      const blocks = await Promise.all(numbers.map((number) => stated(number)));
      return { place, part: partOf(profile, blocks), policy: await agreed };
    },
  });
}

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
