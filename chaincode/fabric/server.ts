/** Runs the contract as a chaincode service: the peer calls, fabric-shim speaks its protocol. */
import { createRequire } from "node:module";
import type { ChaincodeInterface } from "fabric-shim";
import type { Contract } from "./contract.ts";

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

/** The largest message between peer and chaincode: a batch of the largest transactions is refused before. */
const MAX_MESSAGE = 100 * 1024 * 1024;

/** Resolves once it listens. It runs until the process ends. */
export async function startChaincode(contract: Contract, { packageId, address, tls }: ServerOptions): Promise<void> {
  // CommonJS, and only a process that serves chaincode loads it.
  const { Shim } = createRequire(import.meta.url)("fabric-shim") as typeof import("fabric-shim");
  const server = Shim.server(
    contract as unknown as ChaincodeInterface,
    {
      ccid: packageId,
      address,
      "grpc.max_receive_message_length": MAX_MESSAGE,
      "grpc.max_send_message_length": MAX_MESSAGE,
      // fabric-shim takes an absent part of TLS only as null or undefined.
      ...(tls === undefined
        ? {}
        : {
            tlsProps: {
              key: Buffer.from(tls.key),
              cert: Buffer.from(tls.certificate),
              ...(tls.clientRoots === undefined ? {} : { clientCACerts: Buffer.from(tls.clientRoots) }),
            },
          }),
    } as Parameters<typeof Shim.server>[1],
  );
  await server.start();
}
