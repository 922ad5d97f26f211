/**
 * The ledger on a Hyperledger Fabric network: submits through a peer's Gateway and an outbox, follows the blocks into
 * this node's replica, and reads from there. Loads gRPC: import it only where a ledger on Fabric is opened.
 */
import { X509Certificate } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { common, peer } from "@hyperledger/fabric-protos";
import { FUNCTIONS, MAX_SUBMISSIONS, RULES_KEY } from "../../chaincode/fabric/messages.ts";
import { readNetwork } from "../../chaincode/rules/keys.ts";
import { partsOfBlock } from "../audit/fabric-block.ts";
import { createBell, unlessAborted } from "../embedded/bell.ts";
import { createDelivery, waitingIn } from "../embedded/delivery.ts";
import { openOutbox } from "../embedded/outbox.ts";
import { readsOf } from "../embedded/reads.ts";
import type { LogStore } from "../embedded/store.ts";
import { type Ledger, LedgerError, type SignedTransaction } from "../port.ts";
import { createAgreement } from "./agreement.ts";
import { readBlock } from "./block.ts";
import { connectDirect } from "./direct.ts";
import { failureOf } from "./failures.ts";
import { type ClientIdentity, connectGateway, type GatewayConnection } from "./gateway.ts";
import { createLocator } from "./locate.ts";
import { type InForce, openOrder } from "./order.ts";
import { createPeers } from "./peers.ts";
import type { FabricProfile } from "./profile.ts";
import { createProver } from "./prover.ts";
import { createSigner } from "./signer.ts";
import { createStanding } from "./standing.ts";
import { createSubmitter } from "./submitter.ts";
import { openView, type View } from "./view.ts";

export interface FabricLedgerOptions {
  readonly store: LogStore;
  readonly network: string;
  readonly profile: FabricProfile;
  readonly client: ClientIdentity;
  /** This node's member, which the ledger binds to the client certificate. */
  readonly member: string;
  /** Digest of the rules this node goes by: see chaincode/fabric/code-digest.ts. */
  readonly code: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Pause after a failed call; default 1 s. */
  readonly retryMs?: number;
  /** How long submit waits before ERR_LEDGER_UNREACHABLE; default 30 s. The transactions stay in the outbox. */
  readonly submitTimeoutMs?: number;
  /** Transactions kept in the outbox before ERR_LEDGER_FULL; default 10,000. */
  readonly maxOutbox?: number;
  /** A transaction that nobody waits for any more was rejected (after an outage). */
  readonly onRejected?: (transaction: SignedTransaction, error: LedgerError) => void;
  /** Every failed exchange with the network, for logs; the ledger goes on by itself. */
  readonly onTrouble?: (error: unknown) => void;
}

/** Throws LedgerError ERR_LEDGER_CORRUPT when log, tree and state disagree, ERR_LEDGER_PROFILE for another channel. */
export async function openFabricLedger(options: FabricLedgerOptions): Promise<Ledger> {
  const { store, profile, retryMs = 1_000, onTrouble = () => {} } = options;
  const { channel, chaincode } = profile;
  const view = await openView(store, options.network, { channel, chaincode, code: options.code });
  const outbox = await openOutbox(store, options.maxOutbox ?? 10_000);
  const connections = profile.gateways.map((peer) =>
    profile.orderers === undefined
      ? connectGateway(profile, peer, options.client, options.now)
      : connectDirect(profile, peer, options.client, options.now, () => inForce?.config),
  );
  const standing = createStanding();
  standing.holds(view.progress().block);
  const closing = new AbortController();
  const { signal } = closing;
  const ready = createBell();
  const heldAtOpening = view.chain.head().size;
  let current: GatewayConnection | undefined;
  let closed: LedgerError | undefined;
  let inForce: InForce | undefined;
  /** While the channel goes by other rules than this node: it follows what its own made, and hands nothing in. */
  let otherRules: LedgerError | undefined;

  async function connected(): Promise<GatewayConnection> {
    while (current === undefined && !signal.aborted) await ready.wait(signal);
    if (current === undefined) throw new LedgerError("ERR_LEDGER_CLOSED", "ledger: closed");
    return current;
  }

  const { certificate, privateKey } = options.client;
  const peers = createPeers({ profile, certificate, sign: createSigner(privateKey), now: options.now });
  const locate = createLocator(view, chaincode, connected);
  const prover = createProver({
    profile,
    peers,
    inForce: () => inForce,
    block: () => view.progress().block,
  });

  const agreement = createAgreement({ peers: peers.all, signal });
  const submitter = createSubmitter({
    view,
    connected,
    call: { member: options.member, code: options.code },
    limits: () => inForce?.config.maxBytes ?? DEFAULT_MAX_BYTES,
    agreed: agreement.until,
    now: options.now,
    signal,
  });
  const delivery = createDelivery({
    chain: view.chain,
    outbox,
    sequencer: {
      async submit(transactions, onOrdered) {
        if (otherRules !== undefined) otherRules = await rulesOtherThan(options.code, await connected(), profile);
        const reason = standing.halted() ?? standing.stuck() ?? otherRules;
        if (reason !== undefined) throw reason;
        return submitter.submit(transactions, onOrdered);
      },
    },
    now: options.now,
    signal,
    // A call takes a block's time, however much it carries.
    atOnce: MAX_SUBMISSIONS,
    gatherMs: 25,
    retryMs,
    submitTimeoutMs: options.submitTimeoutMs ?? 30_000,
    halted: () => closed ?? standing.halted(),
    onTrouble,
    onRejected: options.onRejected ?? (() => {}),
  });

  async function followFrom(connection: GatewayConnection, mspId: string): Promise<void> {
    demandDates(options.client.certificate, options.now());
    const height = await demandSameNetwork(connection, profile, view);
    otherRules = await rulesOtherThan(options.code, connection, profile);
    if (otherRules !== undefined) onTrouble(otherRules);
    const order = await openOrder(profile, view.progress().config, (block) =>
      fetchBlock(connection, profile.channel, block),
    );
    inForce = order.inForce() ?? inForce;
    standing.follows(height);
    current = connection;
    ready.ring();
    // A client that no member is bound to yet is refused; the first record does the same.
    if (otherRules === undefined) markRules(options, connection).catch(() => undefined);
    for await (const block of connection.blocks(view.progress().block + 1, signal)) {
      inForce = order.verify(block);
      const agreed = agreement.demand(partsOfBlock(block), mspId, inForce.config);
      await view.apply(readBlock(block, profile.chaincode), { block: inForce.block, hash: inForce.hash }, agreed);
      await demandNetwork(view, options.network);
      standing.holds(view.progress().block);
    }
    if (!signal.aborted)
      throw new LedgerError("ERR_LEDGER_UNREACHABLE", `fabric: ${connection.endpoint} ended the stream of blocks`);
  }

  async function follow(): Promise<void> {
    for (let at = 0; !signal.aborted; at += 1) {
      const connection = connections[at % connections.length]!;
      try {
        await followFrom(connection, profile.gateways[at % connections.length]!.mspId);
      } catch (error) {
        standing.stopped(error, view.progress().block + 1);
        if (!signal.aborted) onTrouble(failureOf(error, "blocks", connection.endpoint).error);
      }
      current = undefined;
      await unlessAborted(pause(retryMs), signal);
    }
  }
  const running = Promise.all([follow(), delivery.run()]);

  return Object.freeze<Ledger>({
    ...readsOf(view.chain),
    submit: delivery.submit,
    async prove(position) {
      const place = await locate(position);
      const { block, transaction, record } = place;
      return { kind: "fabric", proof: await prover.prove({ block, transaction, record }) };
    },
    status: async () => ({
      kind: "fabric",
      network: options.network,
      height: view.chain.head().size,
      root: view.chain.root(),
      role: "client",
      reachable: otherRules === undefined && standing.reachable(),
      ...haltedBy(standing.halted()),
      outbox: outbox.size(),
      ...waitingIn(delivery.waiting()),
      heldAtOpening,
    }),
    async close() {
      closed ??= new LedgerError("ERR_LEDGER_CLOSED", "ledger: closed");
      closing.abort();
      for (const connection of connections) connection.close();
      peers.close();
      await running;
      await store.close();
    },
  });
}

/** Before the first configuration is known: Fabric's own defaults. */
const DEFAULT_MAX_BYTES = { absolute: 10 * 1024 * 1024, preferred: 2 * 1024 * 1024 };

const haltedBy = (error: LedgerError | undefined) => (error === undefined ? {} : { halted: error.code });

/** Peers say no more than that they deny access. */
function demandDates(certificate: string, now: number): void {
  const { validToDate } = new X509Certificate(certificate);
  if (now <= validToDate.getTime()) return;
  const since = validToDate.toISOString();
  throw new LedgerError(
    "ERR_LEDGER_PROFILE",
    `client.certificate: expired at ${since}; put a new one for the same key in its place and start again`,
  );
}

const fetchBlock = async (connection: GatewayConnection, channel: string, block: number): Promise<common.Block> =>
  common.Block.deserializeBinary(await connection.evaluate("qscc", "GetBlockByNumber", [channel, String(block)]));

/** The peer has this node's last block. Its height. */
async function demandSameNetwork(
  connection: GatewayConnection,
  { channel, chaincode }: FabricProfile,
  view: View,
): Promise<number> {
  const { block, hash } = view.progress();
  const bytes = await connection.evaluate("qscc", "GetChainInfo", [channel]);
  const height = common.BlockchainInfo.deserializeBinary(bytes).getHeight();
  if (block >= 0) {
    if (height <= block) {
      throw new LedgerError(
        "ERR_LEDGER_UNREACHABLE",
        `fabric: ${connection.endpoint} has ${height} blocks, this node ${block + 1}; it is behind, or another network`,
      );
    }
    const last = await fetchBlock(connection, channel, block);
    if (readBlock(last, chaincode).hash !== hash) {
      throw new LedgerError(
        "ERR_LEDGER_FORK",
        `fabric: block ${block} of ${connection.endpoint} is not the one this node holds`,
      );
    }
  }
  return height;
}

/** Undefined where the chaincode agreed on is of these rules. Throws the Gateway's errors. */
async function rulesOtherThan(
  code: string,
  connection: GatewayConnection,
  { channel, chaincode }: FabricProfile,
): Promise<LedgerError | undefined> {
  const args = new peer.lifecycle.QueryChaincodeDefinitionArgs();
  args.setName(chaincode);
  const answer = await connection.evaluate("_lifecycle", "QueryChaincodeDefinition", [args.serializeBinary()]);
  const version = peer.lifecycle.QueryChaincodeDefinitionResult.deserializeBinary(answer).getVersion();
  if (version === code) return undefined;
  return new LedgerError(
    "ERR_LEDGER_PROFILE",
    `fabric: chaincode ${chaincode} on ${channel} is version ${version}, this node goes by the rules ${code}; upgrade one of them`,
  );
}

/** A call endorsed under older rules would stop every node of these: from the first call under these on it is invalid. */
async function markRules({ member, code, profile }: FabricLedgerOptions, connection: GatewayConnection): Promise<void> {
  const held = await connection.evaluate(profile.chaincode, FUNCTIONS.get, [RULES_KEY]);
  if (Buffer.from(held).toString("utf8") === JSON.stringify(code)) return;
  const call = await connection.endorse([JSON.stringify({ member, code })]);
  await call.submit();
}

async function demandNetwork(view: View, network: string): Promise<void> {
  const found = await readNetwork(view.chain.state);
  if (found === undefined || found.network === network) return;
  throw new LedgerError(
    "ERR_LEDGER_PROFILE",
    `fabric: this channel holds network ${found.network}, expected ${network}`,
  );
}
