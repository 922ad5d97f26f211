/** Runs the contract as a chaincode service: peers connect and call. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { peer } from "@hyperledger/fabric-protos";
import type { Contract } from "./contract.ts";
import { converse, type PeerStream } from "./conversation.ts";

export interface ServerOptions {
  /** Id of the installed package, `label:hash`. */
  readonly packageId: string;
  /** host:port to listen on. */
  readonly address: string;
  /** PEM; without it the service listens in the clear. `clientRoots` demands a certificate of the peer. */
  readonly tls?: {
    readonly key: Uint8Array;
    readonly certificate: Uint8Array;
    readonly clientRoots?: Uint8Array;
  };
}

export interface ChaincodeServer {
  readonly port: number;
  close(): void;
}

/** The largest message between peer and chaincode: a batch of the largest transactions is refused before. */
const MAX_MESSAGE = 100 * 1024 * 1024;

/** Resolves once it listens. */
export async function startChaincode(contract: Contract, options: ServerOptions): Promise<ChaincodeServer> {
  const server = new Server({
    "grpc.max_receive_message_length": MAX_MESSAGE,
    "grpc.max_send_message_length": MAX_MESSAGE,
  });
  server.addService(peer.ChaincodeService, {
    connect: (stream: PeerStream) => converse(stream, contract, options.packageId),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(options.address, credentialsOf(options.tls), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return Object.freeze({ port, close: () => server.forceShutdown() });
}

function credentialsOf(tls: ServerOptions["tls"]): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.certificate) };
  const roots = tls.clientRoots === undefined ? null : Buffer.from(tls.clientRoots);
  return ServerCredentials.createSsl(roots, [pair], roots !== null);
}
