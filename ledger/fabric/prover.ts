/**
 * Proofs for auditors: the block of a record and the configuration blocks before it, each as peers of several organisations
 * state it. A peer endorses what its system chaincode qscc answers; asked directly, its answer is a statement that it signed.
 */
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { connect } from "@hyperledger/fabric-gateway";
import { common, gateway as messages, peer } from "@hyperledger/fabric-protos";
import type { FabricBlock, FabricPart, FabricProof } from "../audit/fabric-bundle.ts";
import { wrappedField } from "../audit/fabric-evidence.ts";
import { type PeerStatement, STATEMENT_CHAINCODE, STATEMENT_FUNCTION, statedBlock } from "../audit/fabric-statement.ts";
import { LedgerError } from "../port.ts";
import type { FabricProfile } from "./profile.ts";

export interface ProverOptions {
  readonly profile: FabricProfile;
  /** PEM. */
  readonly certificate: string;
  readonly sign: (data: Uint8Array) => Promise<Uint8Array>;
  /** How long a peer may take for one block; default 10 s. */
  readonly timeoutMs?: number;
}

export interface Prover {
  /** Throws LedgerError ERR_LEDGER_UNREACHABLE when fewer than two organisations' peers answer. */
  prove(place: FabricProof["place"]): Promise<FabricProof>;
  close(): void;
}

interface StatedBlock {
  readonly statements: readonly PeerStatement[];
  readonly lastConfig: number;
}

const PROCESS_PROPOSAL = "/protos.Endorser/ProcessProposal";
const NEEDED = 2;
const MAX_CACHED = 2_000;
const MAX_MESSAGE = 100 * 1024 * 1024;

export function createProver(options: ProverOptions): Prover {
  const { profile, timeoutMs = 10_000 } = options;
  const { channel, chaincode } = profile;
  const peers = onePerOrganisation(profile).map(({ mspId, endpoint, tlsRoots }) => ({
    mspId,
    client: new Client(endpoint, credentials.createSsl(Buffer.from(tlsRoots)), {
      "grpc.max_receive_message_length": MAX_MESSAGE,
    }),
  }));
  // Makes proposals only: they go to each peer itself, because a Gateway hands on what peers answer without their signatures.
  const proposals = connect({
    client: peers[0]!.client,
    identity: { mspId: profile.client.mspId, credentials: Buffer.from(options.certificate) },
  }).getNetwork(channel);
  /** What is in a block never changes, and every proof begins with the same configuration. */
  const cache = new Map<number, Promise<StatedBlock>>();

  async function ask(client: Client, name: string, fn: string, args: readonly (string | Uint8Array)[]) {
    const made = proposals.getContract(name).newProposal(fn, { arguments: [...args] });
    const unsigned = messages.ProposedTransaction.deserializeBinary(made.getBytes()).getProposal();
    const proposal = unsigned?.getProposalBytes_asU8() ?? new Uint8Array();
    const signed = new peer.SignedProposal();
    signed.setProposalBytes(proposal);
    signed.setSignature(await options.sign(proposal));
    const answer = await call(client, signed, timeoutMs);
    const { status, payload } = responseOf(answer);
    if (status !== 200) throw new LedgerError("ERR_LEDGER_UNREACHABLE", `fabric: ${name} ${fn} answered ${status}`);
    return { proposal, answer, payload };
  }

  async function statement(client: Client, block: number): Promise<PeerStatement> {
    const { proposal, answer } = await ask(client, STATEMENT_CHAINCODE, STATEMENT_FUNCTION, [channel, String(block)]);
    const endorsement = answer.getEndorsement();
    return {
      proposal,
      payload: answer.getPayload_asU8(),
      endorser: endorsement?.getEndorser_asU8() ?? new Uint8Array(),
      signature: endorsement?.getSignature_asU8() ?? new Uint8Array(),
    };
  }

  async function state(block: number): Promise<StatedBlock> {
    const asked = await Promise.allSettled(peers.map(({ client }) => statement(client, block)));
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
    const [own] = peers;
    if (own === undefined) throw new LedgerError("ERR_LEDGER_PROFILE", "fabric: the profile names no peer");
    const { payload } = await ask(own.client, "_lifecycle", "QueryChaincodeDefinition", [args.serializeBinary()]);
    const definition = peer.lifecycle.QueryChaincodeDefinitionResult.deserializeBinary(payload);
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
    close() {
      for (const { client } of peers) client.close();
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

function onePerOrganisation({ gateways }: FabricProfile): FabricProfile["gateways"] {
  return gateways.filter(({ mspId }, at) => gateways.findIndex((other) => other.mspId === mspId) === at);
}

const call = (client: Client, signed: peer.SignedProposal, timeoutMs: number): Promise<peer.ProposalResponse> =>
  new Promise((resolve, reject) => {
    const running = client.makeUnaryRequest(
      PROCESS_PROPOSAL,
      (request: peer.SignedProposal) => Buffer.from(request.serializeBinary()),
      (bytes: Buffer) => peer.ProposalResponse.deserializeBinary(bytes),
      signed,
      new Metadata(),
      (error, answer) => {
        clearTimeout(timer);
        if (error === null && answer !== undefined) resolve(answer);
        else reject(error);
      },
    );
    const timer = setTimeout(() => running.cancel(), timeoutMs);
  });

function responseOf(answer: peer.ProposalResponse): { readonly status: number; readonly payload: Uint8Array } {
  const response = answer.getResponse();
  return { status: response?.getStatus() ?? 0, payload: response?.getPayload_asU8() ?? new Uint8Array() };
}

function lastConfigOf(signatures: Uint8Array): number {
  const value = common.Metadata.deserializeBinary(signatures).getValue_asU8();
  return common.OrdererBlockMetadata.deserializeBinary(value).getLastConfig()?.getIndex() ?? 0;
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
