/**
 * One peer of each organisation in the profile, asked directly: a Gateway hands on what peers answer without their
 * signatures. What a peer says of a block for evidence is a statement that it signed.
 */
import { Client, credentials } from "@grpc/grpc-js";
import { connect, hash } from "@hyperledger/fabric-gateway";
import type { common } from "@hyperledger/fabric-protos";
import { type PeerStatement, STATEMENT_CHAINCODE, STATEMENT_FUNCTION } from "../audit/fabric-statement.ts";
import { endorseAt, propose } from "./endorser.ts";
import { blocksOf, CONNECTION } from "./gateway.ts";
import type { FabricProfile } from "./profile.ts";

export interface PeersOptions {
  readonly profile: FabricProfile;
  /** PEM. */
  readonly certificate: string;
  readonly sign: (data: Uint8Array) => Promise<Uint8Array>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long a peer may take for one answer; default 10 s. */
  readonly timeoutMs?: number;
}

/** Nothing that it hands over is verified. Errors are those of gRPC, or Errors with what the peer refused with. */
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

export function createPeers({ profile, certificate, sign, now, timeoutMs = 10_000 }: PeersOptions): Peers {
  const { channel } = profile;
  const gateways = profile.gateways.filter(
    ({ mspId }, at) => profile.gateways.findIndex((other) => other.mspId === mspId) === at,
  );
  const clients = gateways.map(
    ({ endpoint, tlsRoots }) => new Client(endpoint, credentials.createSsl(Buffer.from(tlsRoots)), CONNECTION),
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
    const call = await propose(networks[at]!, chaincode, name, args, sign);
    return endorseAt(clients[at]!, call, now() + timeoutMs);
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
