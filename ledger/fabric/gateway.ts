/** One peer's Gateway service: every call signed by this node's client certificate and with a deadline of its own. */
import { Client, credentials } from "@grpc/grpc-js";
import { type Contract, connect, hash, type Network, type Transaction } from "@hyperledger/fabric-gateway";
import { type common, peer } from "@hyperledger/fabric-protos";
import { FUNCTIONS } from "../../chaincode/fabric/messages.ts";
import { createNamedEndorsers } from "./named-endorsers.ts";
import type { FabricProfile } from "./profile.ts";
import { createSigner } from "./signer.ts";

/** PEM. */
export interface ClientIdentity {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface CommitResult {
  /** TxValidationCode of fabric-protos; 0 is valid. */
  readonly code: number;
  readonly name: string;
  readonly block: number;
}

export interface EndorsedCall {
  readonly transactionId: string;
  /** What the chaincode answered. */
  readonly payload: Uint8Array;
  /** What the ordering service gets, in bytes. */
  readonly size: number;
  /** Hands it to the ordering service; the same transaction may be handed in again, it counts once. */
  submit(): Promise<void>;
  /** Of a transaction that was handed in: resolves when the peer has it in a block. */
  status(): Promise<CommitResult>;
}

/** Errors are those of fabric-gateway. */
export interface GatewayConnection {
  readonly endpoint: string;
  endorse(args: readonly string[]): Promise<EndorsedCall>;
  evaluate(chaincode: string, name: string, args: readonly (string | Uint8Array)[]): Promise<Uint8Array>;
  /** From block `from` on, until the signal aborts. */
  blocks(from: number, signal: AbortSignal): AsyncIterable<common.Block>;
  close(): void;
}

/** Milliseconds. */
export const DEADLINES = { endorse: 15_000, evaluate: 5_000, submit: 5_000, status: 5_000 };
/** A batch of the largest records, its writes and its signatures. */
const MAX_MESSAGE = 100 * 1024 * 1024;
/** A dead peer is noticed though the stream of blocks says nothing for hours. Peers end connections that ask more often than once a minute. */
const KEEPALIVE = { "grpc.keepalive_time_ms": 70_000, "grpc.keepalive_timeout_ms": 10_000 };
export const CONNECTION = {
  "grpc.max_receive_message_length": MAX_MESSAGE,
  "grpc.max_send_message_length": MAX_MESSAGE,
  ...KEEPALIVE,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 2_000,
};

export function connectGateway(
  profile: FabricProfile,
  { endpoint, tlsRoots }: FabricProfile["gateways"][number],
  identity: ClientIdentity,
  now: () => number,
): GatewayConnection {
  const client = new Client(endpoint, credentials.createSsl(Buffer.from(tlsRoots)), CONNECTION);
  const within = (ms: number) => () => ({ deadline: now() + ms });
  const gateway = connect({
    client,
    identity: { mspId: profile.client.mspId, credentials: Buffer.from(identity.certificate) },
    signer: createSigner(identity.privateKey),
    hash: hash.none,
    endorseOptions: within(DEADLINES.endorse),
    evaluateOptions: within(DEADLINES.evaluate),
    submitOptions: within(DEADLINES.submit),
    commitStatusOptions: within(DEADLINES.status),
  });
  const network: Network = gateway.getNetwork(profile.channel);
  const contract: Contract = network.getContract(profile.chaincode);
  const endorsers = createNamedEndorsers();

  return Object.freeze({
    endpoint,
    async endorse(args: readonly string[]) {
      const transaction = await endorsers.endorse((organisations) => {
        const names = organisations === undefined ? {} : { endorsingOrganizations: [...organisations] };
        return contract.newProposal(FUNCTIONS.submit, { arguments: [...args], ...names }).endorse();
      });
      return endorsedCall(transaction, endorsers.forget);
    },
    evaluate: (chaincode: string, name: string, args: readonly (string | Uint8Array)[]) =>
      network
        .getContract(chaincode)
        .newProposal(name, { arguments: [...args] })
        .evaluate(),
    blocks: (from: number, signal: AbortSignal) => blocksOf(network, from, signal),
    close() {
      gateway.close();
      client.close();
    },
  });
}

/** From block `from` on, until the signal aborts. */
export async function* blocksOf(network: Network, from: number, signal: AbortSignal): AsyncIterable<common.Block> {
  const events = await network.getBlockEvents({ startBlock: BigInt(from) });
  const stop = () => events.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (!signal.aborted) yield* events;
  } finally {
    signal.removeEventListener("abort", stop);
    events.close();
  }
}

/** `onPolicy`: those who endorsed it are not those who must. */
function endorsedCall(transaction: Transaction, onPolicy: () => void): EndorsedCall {
  type Submitted = Awaited<ReturnType<Transaction["submit"]>>;
  let submitted: Submitted | undefined;
  return {
    transactionId: transaction.getTransactionId(),
    payload: transaction.getResult(),
    get size() {
      return transaction.getBytes().length;
    },
    async submit() {
      submitted = await transaction.submit();
    },
    async status() {
      submitted ??= await transaction.submit();
      const { code, blockNumber } = await submitted.getStatus();
      if (code === peer.TxValidationCode.ENDORSEMENT_POLICY_FAILURE) onPolicy();
      return commitResult(code, Number(blockNumber));
    },
  };
}

export function commitResult(code: number, block: number): CommitResult {
  const name = Object.entries(peer.TxValidationCode).find(([, value]) => value === code)?.[0] ?? "UNKNOWN";
  return { code, name, block };
}
