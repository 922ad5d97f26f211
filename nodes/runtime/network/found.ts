/** `sealane network found`: the first record of a new network; the founder becomes operator and sequencer. */
import pino from "pino";
import type { TransactionBody } from "../../../chaincode/rules/transactions.ts";
import { toBase64url } from "../../../crypto/suites/encoding.ts";
import { transaction } from "../../../exchange/requests/record.ts";
import type { LedgerEntry } from "../../../ledger/port.ts";
import { loadConfig } from "../../config/node-config.ts";
import { readKeys } from "../../config/node-keys.ts";
import { createPeerClient } from "../../peer/client.ts";
import type { Effects } from "../effects.ts";
import { readNodeFabric } from "../fabric-client.ts";
import { memberRecordOf } from "../init-node.ts";
import { openLedger } from "../open-ledger.ts";
import { NetworkError } from "./network-error.ts";
import { type NetworkFile, readNetworkFile, writeNetworkFile } from "./network-file.ts";

export interface FoundOptions {
  readonly dir: string;
  readonly network: string;
  /** GB/T 4754 industry code. */
  readonly industry: string;
  readonly title: TransactionBody<"network.found">["title"];
  /** Code tables of the registry attributes that members may carry. */
  readonly attributes: Readonly<Record<string, readonly string[]>>;
  readonly passphrase?: string;
  readonly effects: Effects;
}

/** Throws NetworkError, ConfigError, or LedgerError when the contract rejects the record. Safe to repeat after a crash. */
export async function foundNetwork(options: FoundOptions): Promise<LedgerEntry> {
  const { dir, effects } = options;
  const config = await loadConfig(dir);
  const existing = await readNetworkFile(dir);
  if (existing !== undefined) {
    throw new NetworkError("ERR_NETWORK_ALREADY_IN_ONE", `${dir}: this node already belongs to ${existing.network}`);
  }
  if (config.member.kind !== "industry") {
    throw new NetworkError(
      "ERR_NETWORK_KIND",
      `member.kind: the founder is an industry node, got ${config.member.kind}`,
    );
  }
  if (config.peer === undefined) {
    throw new NetworkError("ERR_NETWORK_NO_ENDPOINT", "peer: the founder must be reachable; set peer.endpoint");
  }
  const keys = await readKeys(dir, "current", config.member.id, options.passphrase);
  const pinned: NetworkFile = {
    formatVersion: 1,
    network: options.network,
    role: "sequencer",
    sequencer: {
      member: config.member.id,
      publicKey: toBase64url(keys.identity.publicKey),
      tls: keys.tls.pin,
      endpoint: config.peer.endpoint,
    },
  };
  const fabric = await readNodeFabric(dir, config);
  const peers = createPeerClient({ ...effects, identity: () => keys.identity, network: options.network });
  const { ledger } = await openLedger({
    dir,
    pinned,
    fabric,
    identity: keys.identity,
    peers,
    sequencer: async () => pinned.sequencer,
    pollMs: config.limits.longPollMs,
    now: effects.now,
    log: pino({ level: "silent" }),
  });
  try {
    const body: TransactionBody<"network.found"> = {
      network: options.network,
      industry: options.industry,
      title: options.title,
      founder: memberRecordOf(config, keys, fabric?.bound),
      sequencer: config.member.id,
      attributes: Object.fromEntries(Object.entries(options.attributes).map(([name, codes]) => [name, [...codes]])),
    };
    const founding = transaction({ network: options.network, identity: keys.identity }, "network.found", body, body);
    const [entry] = await ledger.submit([founding]);
    // Last: a folder with this file is a member of a network.
    await writeNetworkFile(dir, pinned);
    return entry!;
  } finally {
    await ledger.close();
    await peers.close();
  }
}
