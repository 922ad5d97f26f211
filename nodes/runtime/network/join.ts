/** `sealane network join`: applies under an invitation, waits for admission, then replicates from genesis and verifies. */
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { Type } from "typebox";
import { readMember } from "../../../chaincode/rules/keys.ts";
import { Code, closed, Digest, literals } from "../../../chaincode/rules/vocabulary.ts";
import { signStatement } from "../../../crypto/suites/signed.ts";
import { loadConfig } from "../../config/node-config.ts";
import { readKeys } from "../../config/node-keys.ts";
import { createPeerClient, type PeerClient } from "../../peer/client.ts";
import { PeerError } from "../../peer/peer-error.ts";
import type { Effects } from "../effects.ts";
import { readNodeFabric } from "../fabric-client.ts";
import { memberRecordOf } from "../init-node.ts";
import { openLedger } from "../open-ledger.ts";
import { APPLICATION_STATES } from "./application.ts";
import { type Invitation, parseInvitation } from "./invitation.ts";
import { NetworkError } from "./network-error.ts";
import { type NetworkFile, readNetworkFile, writeNetworkFile } from "./network-file.ts";

const REPLICATION_MS = 120_000;

export const ApplicationReply = closed({ id: Digest, state: literals(APPLICATION_STATES) });
export const ApplicationStateReply = closed({ state: literals(APPLICATION_STATES), reason: Type.Optional(Code) });

export interface JoinOptions {
  readonly dir: string;
  /** Contents of the invitation file. */
  readonly invitation: unknown;
  readonly passphrase?: string;
  readonly effects: Effects;
  /** How long to wait for the operator; 0 applies and returns. */
  readonly waitMs: number;
  /** Default 2 s. */
  readonly pollMs?: number;
  /** With the id of the member that joins. */
  readonly onState?: (state: "waiting" | "admitted" | "replicated", member: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Resolves once this node is admitted and has verified the ledger from its first record on. Throws NetworkError
 * ERR_NETWORK_NOT_ADMITTED_YET when the wait ends first: the same call goes on later. Also PeerError, LedgerError.
 */
export async function joinNetwork(
  options: JoinOptions,
): Promise<{ readonly network: string; readonly height: number }> {
  const { dir, effects } = options;
  const config = await loadConfig(dir);
  const existing = await readNetworkFile(dir);
  if (existing !== undefined) {
    throw new NetworkError("ERR_NETWORK_ALREADY_IN_ONE", `${dir}: this node already belongs to ${existing.network}`);
  }
  const invitation = parseInvitation(options.invitation, effects.now());
  const keys = await readKeys(dir, "current", config.member.id, options.passphrase);
  const { network, sequencer } = invitation;
  const fabric = await readNodeFabric(dir, config);
  const peers = createPeerClient({ ...effects, identity: () => keys.identity, network });
  try {
    // Signatures are deterministic: a repeated join sends the same bytes and is answered as the same application.
    const member = memberRecordOf(config, keys, fabric?.bound);
    const application = signStatement(keys.identity, "application", { network, member });
    await applyAndWait(peers, { ...options, invitation, application, member: config.member.id });
    const pinned: NetworkFile = { formatVersion: 1, network, role: "replica", sequencer };
    const { ledger } = await openLedger({
      dir,
      pinned,
      fabric,
      identity: keys.identity,
      peers,
      sequencer: async () => sequencer,
      pollMs: config.limits.longPollMs,
      now: effects.now,
      log: pino({ level: "silent" }),
    });
    try {
      const until = Date.now() + REPLICATION_MS;
      while ((await readMember(ledger, config.member.id)) === undefined) {
        if (Date.now() > until) {
          throw new NetworkError(
            "ERR_NETWORK_NOT_ADMITTED_YET",
            "ledger: the replica did not reach this admission in time",
          );
        }
        await sleep(100, undefined, { signal: options.signal });
      }
      const { height } = await ledger.status();
      await writeNetworkFile(dir, pinned);
      options.onState?.("replicated", config.member.id);
      return { network, height };
    } finally {
      await ledger.close();
    }
  } finally {
    await peers.close();
  }
}

async function applyAndWait(
  peers: PeerClient,
  options: JoinOptions & { readonly invitation: Invitation; readonly application: unknown; readonly member: string },
): Promise<void> {
  const { token, sequencer } = options.invitation;
  const body = { token, application: options.application };
  const post = {
    method: "POST",
    path: "/peer/v1/applications",
    body,
    response: ApplicationReply,
    attempts: 3,
  } as const;
  const { id } = await peers.call(sequencer, post).catch((error) => {
    throw refusalOf(error);
  });
  const until = Date.now() + options.waitMs;
  options.onState?.("waiting", options.member);
  for (;;) {
    const path = `/peer/v1/applications/${id}`;
    const answer = await peers.call(sequencer, { method: "GET", path, response: ApplicationStateReply });
    if (answer.state === "admitted") return options.onState?.("admitted", options.member);
    if (answer.state === "refused") {
      throw new NetworkError(
        "ERR_NETWORK_APPLICATION_REFUSED",
        `application: refused (${answer.reason ?? "no reason"})`,
      );
    }
    if (Date.now() >= until) {
      throw new NetworkError(
        "ERR_NETWORK_NOT_ADMITTED_YET",
        "application: waits for the operator; run the same command again after the admission",
      );
    }
    await sleep(options.pollMs ?? 2_000, undefined, { signal: options.signal });
  }
}

/** The operator's own refusal says more than "answered 409". */
function refusalOf(error: unknown): unknown {
  if (!(error instanceof PeerError)) return error;
  const codes = [
    "INVITATION_INVALID",
    "INVITATION_EXPIRED",
    "INVITATION_USED",
    "APPLICATION_INVALID",
    "MEMBER_EXISTS",
  ] as const;
  const code = codes.map((name) => `ERR_NETWORK_${name}` as const).find((known) => known === error.answer?.code);
  return code === undefined ? error : new NetworkError(code, error.message, { cause: error });
}
