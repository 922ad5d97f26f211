/** Opens this node's ledger: the sequencer itself, a replica that follows it over HTTPS, or one on a Fabric network. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { FastifyBaseLogger } from "fastify";
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import { readNetwork, type StateReader } from "../../chaincode/rules/keys.ts";
import { STATE_FORM } from "../../chaincode/rules/records.ts";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import { openReplica } from "../../ledger/embedded/replica.ts";
import { createSequencer } from "../../ledger/embedded/sequencer.ts";
import type { SequencerApi } from "../../ledger/embedded/sequencer-api.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import { type Ledger, LedgerError, type SignedTransaction } from "../../ledger/port.ts";
import type { PeerClient } from "../peer/client.ts";
import type { PeerTarget } from "../peer/member-directory.ts";
import { PeerError } from "../peer/peer-error.ts";
import { createSequencerClient } from "../peer/sequencer-client.ts";
import { PRIVATE_FOLDER } from "../store/atomic-file.ts";
import { StoreError } from "../store/store-error.ts";
import type { NodeFabric } from "./fabric-client.ts";
import type { NetworkFile } from "./network/network-file.ts";

export const LEDGER_FOLDER = "ledger";
const TROUBLE_LOG_MS = 60_000;

export interface OpenedLedger {
  readonly ledger: Ledger;
  /** Present on the node that sequences: what its peer interface serves. */
  readonly sequencer: SequencerApi | undefined;
}

/** Told of every failed call, once or twice a second while the trouble lasts: the same one is logged once in a while. */
function createTrouble(deps: { now: () => string; log: FastifyBaseLogger; onKeyReplaced?: () => void }) {
  let said = "";
  let saidAt = 0;
  return (error: unknown): void => {
    const { message, cause } = error as Error;
    if (cause instanceof PeerError && cause.answer?.code === "ERR_PEER_KEY_REPLACED") deps.onKeyReplaced?.();
    const now = Date.parse(deps.now());
    if (message === said && now - saidAt < TROUBLE_LOG_MS) return;
    [said, saidAt] = [message, now];
    deps.log.warn({ code: (error as { code?: unknown }).code, reason: message }, "ledger not reached; trying again");
  };
}

/** Throws LedgerError ERR_LEDGER_FORM where the network was founded under rules whose state is read otherwise here. */
export async function openLedger(deps: LedgerDeps): Promise<OpenedLedger> {
  const opened = await open(deps);
  try {
    await demandForm(opened.ledger, deps.pinned.network);
  } catch (error) {
    await opened.ledger.close();
    throw error;
  }
  return opened;
}

export async function demandForm(state: StateReader, name: string): Promise<void> {
  const network = await readNetwork(state);
  if (network === undefined || network.form === STATE_FORM) return;
  const form = (network.form as number | undefined) ?? 1;
  throw new LedgerError(
    "ERR_LEDGER_FORM",
    `network ${name}: wanted a ledger of form ${STATE_FORM}, got form ${form}; found the network anew, or run the version that founded it`,
  );
}

interface LedgerDeps {
  readonly dir: string;
  readonly pinned: NetworkFile;
  /** Undefined: the embedded ledger. */
  readonly fabric: NodeFabric | undefined;
  readonly identity: SigningIdentity;
  readonly peers: PeerClient;
  /** Where the sequencer is, by the ledger; the pinned one while the replica is still empty. */
  readonly sequencer: () => Promise<PeerTarget>;
  readonly pollMs: number;
  readonly now: () => string;
  readonly log: FastifyBaseLogger;
  /** The disk did not take a write; the ledger writes nothing more until it is opened anew. */
  readonly onFailedWrite?: () => void;
  /** The ledger replaced or revoked the key that this node runs under: nobody takes its calls any more. */
  readonly onKeyReplaced?: () => void;
}

async function open(deps: LedgerDeps): Promise<OpenedLedger> {
  const location = join(deps.dir, LEDGER_FOLDER);
  await mkdir(location, { recursive: true, mode: PRIVATE_FOLDER });
  const store = await openLevelStore(location, deps.onFailedWrite).catch((cause) => {
    throw new StoreError("ERR_STORE_LOCKED", `${location}: in use by another process, or damaged`, { cause });
  });
  const common = {
    store,
    network: deps.pinned.network,
    identity: deps.identity,
    now: () => Date.parse(deps.now()),
    onFork: (evidence: object) => deps.log.fatal({ evidence }, "the sequencer signed two histories"),
  };
  const onRejected = (transaction: SignedTransaction, error: LedgerError) =>
    deps.log.error({ type: transaction.statement.type, err: error }, "a waiting transaction was rejected");
  try {
    if (deps.fabric !== undefined) {
      // gRPC and Fabric's messages: only a node on Fabric loads them.
      const { openFabricLedger } = await import("../../ledger/fabric/open-fabric-ledger.ts");
      const ledger = await openFabricLedger({
        store,
        network: deps.pinned.network,
        profile: deps.fabric.profile,
        client: deps.fabric.client,
        member: deps.identity.member,
        code: codeDigest(),
        now: () => Date.parse(deps.now()),
        onTrouble: createTrouble(deps),
        onRejected,
      });
      return { ledger, sequencer: undefined };
    }
    if (deps.pinned.role === "sequencer") {
      const { ledger, api } = await createSequencer(common);
      return { ledger, sequencer: api };
    }
    const ledger = await openReplica({
      ...common,
      sequencer: createSequencerClient({ peers: deps.peers, sequencer: deps.sequencer }),
      pinnedSequencerKey: deps.pinned.sequencer.publicKey,
      pollMs: deps.pollMs,
      onTrouble: createTrouble(deps),
      onRejected,
    });
    return { ledger, sequencer: undefined };
  } catch (error) {
    await store.close();
    throw error;
  }
}
