/**
 * A network whose peers have no Gateway service (Fabric before 2.4, or switched off): this node does what the service would
 * do. It collects endorsements until the chaincode's policy holds, hands the transaction to an ordering node and learns
 * from its peer how it ended.
 */
import { Client, credentials } from "@grpc/grpc-js";
import { connect, hash } from "@hyperledger/fabric-gateway";
import { common, peer } from "@hyperledger/fabric-protos";
import { FUNCTIONS } from "../../chaincode/fabric/messages.ts";
import type { ChannelConfig } from "../audit/fabric-channel.ts";
import type { Policy } from "../audit/fabric-policy.ts";
import { answerIn, type PeerStatement, verifyAnswer } from "../audit/fabric-statement.ts";
import { LedgerError } from "../port.ts";
import { watchCommits } from "./commits.ts";
import { areAtOdds, type Endorsement, enoughOf } from "./endorsements.ts";
import { endorseAt, type ProposedCall, propose } from "./endorser.ts";
import { envelopeOf } from "./envelope.ts";
import {
  blocksOf,
  type ClientIdentity,
  CONNECTION,
  commitResult,
  DEADLINES,
  type EndorsedCall,
  type GatewayConnection,
} from "./gateway.ts";
import { broadcast } from "./ordering.ts";
import type { FabricProfile } from "./profile.ts";
import { createSigner } from "./signer.ts";

type Place = FabricProfile["gateways"][number];

/** In the shape of a GatewayError, so that failures.ts reads both. */
class EndorseError extends Error {
  override readonly name = "EndorseError";
  readonly details: readonly { readonly address: string; readonly mspId: string; readonly message: string }[];

  constructor(message: string, details: EndorseError["details"]) {
    super(message);
    this.details = details;
  }
}

export interface DirectConnection extends GatewayConnection {
  /** Endorses any function of the chaincode. */
  call(name: string, args: readonly string[]): Promise<EndorsedCall>;
}

/** `profile` names ordering nodes. `config` is the channel's configuration as this node has verified it, undefined before the first block. */
export function connectDirect(
  profile: FabricProfile,
  own: Place,
  identity: ClientIdentity,
  now: () => number,
  config: () => ChannelConfig | undefined,
): DirectConnection {
  const { channel, chaincode } = profile;
  const sign = createSigner(identity.privateKey);
  const clientOf = ({ endpoint, tlsRoots }: Omit<Place, "mspId">) =>
    new Client(endpoint, credentials.createSsl(Buffer.from(tlsRoots)), CONNECTION);
  // One of each organisation, the peer that this connection is to first.
  const endorsers = [own, ...profile.gateways]
    .filter(({ mspId }, at, all) => all.findIndex((other) => other.mspId === mspId) === at)
    .map((place) => ({ ...place, client: clientOf(place) }));
  const client = endorsers[0]!.client;
  const orderers = (profile.orderers ?? []).map(clientOf);
  const network = connect({
    client,
    identity: { mspId: profile.client.mspId, credentials: Buffer.from(identity.certificate) },
    signer: sign,
    hash: hash.none,
  }).getNetwork(channel);
  let policy: Uint8Array | undefined;
  let orderer = 0;

  const evaluate = async (name: string, fn: string, args: readonly (string | Uint8Array)[]) =>
    answerIn(
      (await endorseAt(client, await propose(network, name, fn, args, sign), now() + DEADLINES.evaluate)).payload,
    );

  const commits = watchCommits({
    height: async () =>
      common.BlockchainInfo.deserializeBinary(await evaluate("qscc", "GetChainInfo", [channel])).getHeight(),
    async *blocks(from, signal) {
      const events = await network.getFilteredBlockEvents({ startBlock: BigInt(from) });
      signal.addEventListener("abort", () => events.close(), { once: true });
      yield* events;
    },
    async find(transactionId) {
      const found = await evaluate("qscc", "GetTransactionByID", [channel, transactionId]).catch(() => undefined);
      if (found === undefined) return undefined;
      const block = await evaluate("qscc", "GetBlockByTxID", [channel, transactionId]);
      const number = common.Block.deserializeBinary(block).getHeader()?.getNumber() ?? 0;
      return commitResult(peer.ProcessedTransaction.deserializeBinary(found).getValidationcode(), number);
    },
  });

  /** Asked of the own peer: whoever says too little there gets transactions that are found invalid. */
  async function endorsementPolicy(inForce: ChannelConfig): Promise<Policy> {
    policy ??= await definedPolicy();
    return inForce.endorsementPolicy(policy);
  }

  async function definedPolicy(): Promise<Uint8Array> {
    const query = new peer.lifecycle.QueryChaincodeDefinitionArgs();
    query.setName(chaincode);
    const answer = await evaluate("_lifecycle", "QueryChaincodeDefinition", [query.serializeBinary()]);
    return peer.lifecycle.QueryChaincodeDefinitionResult.deserializeBinary(answer).getValidationParameter_asU8();
  }

  async function call(name: string, args: readonly string[]): Promise<EndorsedCall> {
    const inForce = config();
    if (inForce === undefined) {
      throw new LedgerError("ERR_LEDGER_UNREACHABLE", "fabric: the channel's configuration is not read yet");
    }
    const proposed = await propose(network, chaincode, name, args, sign);
    const endorsed = await endorsedBy(proposed, [name, ...args], inForce).catch((error) => {
      // It may be another one by now.
      policy = undefined;
      throw error;
    });
    const envelope = await envelopeOf(endorsed, sign);
    return endorsedCall(proposed.transactionId, answerIn(endorsed[0]!.payload), envelope);
  }

  /** Resolves with the first answers that are enough, whoever else has still to answer. */
  async function endorsedBy(
    proposed: ProposedCall,
    asked: readonly string[],
    inForce: ChannelConfig,
  ): Promise<readonly PeerStatement[]> {
    const holds = await endorsementPolicy(inForce);
    const given: Endorsement[] = [];
    const details: EndorseError["details"][number][] = [];
    return new Promise((resolve, reject) => {
      for (const { client: endorser, mspId, endpoint } of endorsers) {
        endorseAt(endorser, proposed, now() + DEADLINES.endorse)
          .then((statement) => {
            const { peer: by } = verifyAnswer(statement, inForce, chaincode, asked);
            given.push({ statement, peer: by });
          })
          .catch((error: Error) => details.push({ address: endpoint, mspId, message: error.message }))
          .then(() => {
            const enough = enoughOf(given, holds);
            if (enough !== undefined) resolve(enough);
            else if (given.length + details.length === endorsers.length) reject(tooFew(given, details));
          })
          .catch(reject);
      }
    });
  }

  function endorsedCall(transactionId: string, payload: Uint8Array, envelope: common.Envelope): EndorsedCall {
    const ended = (isOld: boolean) => commits.ended(transactionId, { timeoutMs: DEADLINES.status, isOld });
    let first: ReturnType<typeof ended> | undefined;
    return {
      transactionId,
      payload,
      size: envelope.serializeBinary().length,
      async submit() {
        // Before it is handed in, so that the block with it is not missed.
        const expected = ended(first !== undefined);
        expected.catch(() => undefined);
        first = expected;
        orderer = await broadcast(orderers, orderer, envelope, () => now() + DEADLINES.submit);
      },
      status: () => first ?? ended(true),
    };
  }

  return Object.freeze({
    endpoint: own.endpoint,
    call,
    endorse: (args: readonly string[]) => call(FUNCTIONS.submit, args),
    evaluate,
    blocks: (from: number, signal: AbortSignal) => blocksOf(network, from, signal),
    close() {
      commits.close();
      for (const one of [...endorsers.map((endorser) => endorser.client), ...orderers]) one.close();
    },
  });
}

function tooFew(given: readonly Endorsement[], details: EndorseError["details"]): EndorseError {
  if (areAtOdds(given)) return new EndorseError("ProposalResponsePayloads do not match", details);
  const { length } = given;
  return new EndorseError(
    `failed to endorse transaction: ${length} organisations' peers did, which is not enough`,
    details,
  );
}
