/**
 * One peer of each organisation in the profile, asked directly: a Gateway hands on what peers answer without their
 * signatures. What a peer says of a block for evidence is a statement that it signed.
 */
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { connect, hash } from "@hyperledger/fabric-gateway";
import { type common, gateway as messages, peer } from "@hyperledger/fabric-protos";
import { type PeerStatement, STATEMENT_CHAINCODE, STATEMENT_FUNCTION } from "../audit/fabric-statement.ts";
import { LedgerError } from "../port.ts";
import { blocksOf, KEEPALIVE } from "./gateway.ts";
import type { FabricProfile } from "./profile.ts";

export interface PeersOptions {
  readonly profile: FabricProfile;
  /** PEM. */
  readonly certificate: string;
  readonly sign: (data: Uint8Array) => Promise<Uint8Array>;
  /** How long a peer may take for one answer; default 10 s. */
  readonly timeoutMs?: number;
}

/** Nothing that it hands over is verified. Errors are LedgerErrors or those of gRPC. */
export interface AskedPeer {
  readonly mspId: string;
  statement(block: number): Promise<PeerStatement>;
  /** From block `from` on, until the signal aborts. */
  blocks(from: number, signal: AbortSignal): AsyncIterable<common.Block>;
  ask(chaincode: string, name: string, args: readonly (string | Uint8Array)[]): Promise<PeerStatement>;
}

export interface Peers {
  readonly all: readonly AskedPeer[];
  close(): void;
}

const PROCESS_PROPOSAL = "/protos.Endorser/ProcessProposal";
const MAX_MESSAGE = 100 * 1024 * 1024;

export function createPeers({ profile, certificate, sign, timeoutMs = 10_000 }: PeersOptions): Peers {
  const { channel } = profile;
  const gateways = profile.gateways.filter(
    ({ mspId }, at) => profile.gateways.findIndex((other) => other.mspId === mspId) === at,
  );
  const clients = gateways.map(
    ({ endpoint, tlsRoots }) =>
      new Client(endpoint, credentials.createSsl(Buffer.from(tlsRoots)), {
        "grpc.max_receive_message_length": MAX_MESSAGE,
        ...KEEPALIVE,
      }),
  );
  const identity = { mspId: profile.client.mspId, credentials: Buffer.from(certificate) };
  const networks = clients.map((client) =>
    connect({ client, identity, signer: sign, hash: hash.none }).getNetwork(channel),
  );

  async function ask(
    at: number,
    chaincode: string,
    name: string,
    args: readonly (string | Uint8Array)[],
  ): Promise<PeerStatement> {
    const made = networks[at]!.getContract(chaincode).newProposal(name, { arguments: [...args] });
    const unsigned = messages.ProposedTransaction.deserializeBinary(made.getBytes()).getProposal();
    const proposal = unsigned?.getProposalBytes_asU8() ?? new Uint8Array();
    const signed = new peer.SignedProposal();
    signed.setProposalBytes(proposal);
    signed.setSignature(await sign(proposal));
    const answer = await call(clients[at]!, signed, timeoutMs);
    const status = answer.getResponse()?.getStatus() ?? 0;
    if (status !== 200)
      throw new LedgerError("ERR_LEDGER_UNREACHABLE", `fabric: ${chaincode} ${name} answered ${status}`);
    const endorsement = answer.getEndorsement();
    return {
      proposal,
      payload: answer.getPayload_asU8(),
      endorser: endorsement?.getEndorser_asU8() ?? new Uint8Array(),
      signature: endorsement?.getSignature_asU8() ?? new Uint8Array(),
    };
  }

  return Object.freeze({
    all: gateways.map(({ mspId }, at) => ({
      mspId,
      statement: (block: number) => ask(at, STATEMENT_CHAINCODE, STATEMENT_FUNCTION, [channel, String(block)]),
      blocks: (from: number, signal: AbortSignal) => blocksOf(networks[at]!, from, signal),
      ask: (chaincode: string, name: string, args: readonly (string | Uint8Array)[]) => ask(at, chaincode, name, args),
    })),
    close() {
      for (const client of clients) client.close();
    },
  });
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
