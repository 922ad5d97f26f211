/**
 * Key rotation: a new identity key and, except on the sequencer, a new TLS key. The new keys are on disk as `next`
 * before the ledger hears of them; whichever side of the record a crash falls on, the next start takes the keys that
 * the ledger names. The sequencer keeps its TLS key, because a replica that was away during the rotation knows no other.
 *
 * The suite of the sequencer's key is the network's: rotating it into another suite moves the network there, and every
 * other member with its own next rotation.
 */
import { readKey, readMember, readNetwork, readNetworkSuite } from "../../chaincode/rules/keys.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { type SigningIdentity, signingIdentity, signStatement } from "../../crypto/suites/signed.ts";
import { type SuiteId, suiteOf } from "../../crypto/suites/suite.ts";
import { record } from "../../exchange/requests/record.ts";
import type { LedgerEntry } from "../../ledger/port.ts";
import { dropNextKeys, haveNextKeys, type NodeKeys, readKeys, writeKeys } from "../config/node-keys.ts";
import { createTlsIdentity, type TlsIdentity } from "../config/tls-certificate.ts";
import { NetworkError } from "./network/network-error.ts";
import type { NodeServices } from "./services.ts";

export interface Rotation {
  readonly keyId: string;
  readonly suite: SuiteId;
  readonly entry: LedgerEntry;
}

/** Records the rotation. The node must be stopped at once and started again: it runs under the old key until then. */
export async function rotateKeys(
  services: Pick<NodeServices, "config" | "dir" | "identity" | "ledger" | "member" | "network" | "now" | "random">,
  options: {
    readonly tls: TlsIdentity;
    readonly passphrase: string | undefined;
    /** Only the sequencer has a choice; default is the network's. Throws NetworkError ERR_NETWORK_SUITE. */
    readonly suite?: SuiteId;
    readonly onNext: (next: SigningIdentity) => void;
  },
): Promise<Rotation> {
  const { identity, ledger, member, network } = services;
  if ((await readMember(ledger, member))?.status !== "active") {
    throw new NetworkError("ERR_NETWORK_NOT_ADMITTED_YET", `${member}: only an active member can change its keys`);
  }
  const suite = await suiteOfNext(services, options.suite);
  const { identity: next, tls } = await nextKeys(services, { ...options, suite });
  options.onNext(next);
  const body = {
    next: { key: next.key, suite: next.suite, publicKey: toBase64url(next.publicKey) },
    tls: tls.pin,
    proof: signStatement(next, "application", { member, replaces: identity.key, next: next.key }),
  };
  const entry = await record({ network, identity, ledger }, "key.rotate", body, { next: next.key });
  return { keyId: next.key, suite: next.suite, entry };
}

/** Nothing is on disk when it throws: keys that the contract refuses would wait for ever. */
async function suiteOfNext(
  { ledger, member }: Pick<NodeServices, "ledger" | "member">,
  wanted: SuiteId | undefined,
): Promise<SuiteId> {
  const suite = suiteOf((await readNetworkSuite(ledger)) ?? "").id;
  if (wanted === undefined || wanted === suite || (await isSequencer({ ledger, member }))) return wanted ?? suite;
  throw new NetworkError(
    "ERR_NETWORK_SUITE",
    `key: this network is of suite ${suite}, and its sequencer moves it first`,
  );
}

const isSequencer = async ({ ledger, member }: Pick<NodeServices, "ledger" | "member">): Promise<boolean> =>
  (await readNetwork(ledger))?.sequencer === member;

/**
 * Keys that wait already are offered again: the ledger may still learn of them from the outbox, and then only they open
 * this member's place. Those of another suite than the wanted one were overtaken by a move of the network, or given up.
 */
async function nextKeys(
  services: Pick<NodeServices, "config" | "dir" | "identity" | "ledger" | "member" | "now" | "random">,
  options: { readonly tls: TlsIdentity; readonly passphrase: string | undefined; readonly suite: SuiteId },
): Promise<NodeKeys> {
  const { dir, ledger, member } = services;
  const { suite } = options;
  if (await haveNextKeys(dir)) {
    const waiting = await readKeys(dir, "next", member, options.passphrase);
    if (waiting.identity.suite === suite) return waiting;
    await demandSettled(ledger, waiting.identity);
    await dropNextKeys(dir);
  }
  const seed = services.random(32);
  const tls = (await isSequencer(services))
    ? options.tls
    : await createTlsIdentity({
        member,
        endpoint: services.config().peer?.endpoint,
        now: services.now(),
        serial: services.random(15),
      });
  await writeKeys(dir, "next", { suite, seed, tls }, options.passphrase);
  return { identity: signingIdentity(member, suite, seed), tls };
}

/**
 * Only of keys that no record can name any more: of those that are under way, the private halves must stay. What this
 * member sent is answered, and a replica that has seen the network move has seen everything that came before.
 */
async function demandSettled(ledger: NodeServices["ledger"], next: SigningIdentity): Promise<void> {
  const { outbox, heldAtOpening = 0, height } = await ledger.status();
  if (outbox === 0 && heldAtOpening <= height && (await readKey(ledger, next.key)) === undefined) return;
  throw new NetworkError("ERR_NETWORK_ROTATION_PENDING", `key: the rotation to ${next.key} may still be recorded`);
}
