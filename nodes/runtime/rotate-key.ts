/**
 * Key rotation: a new identity key and, except on the sequencer, a new TLS key. The new keys are on disk as `next`
 * before the ledger hears of them; whichever side of the record a crash falls on, the next start takes the keys that
 * the ledger names. The sequencer keeps its TLS key, because a replica that was away during the rotation knows no other.
 *
 * The suite of the sequencer's key is the network's: rotating it into another suite moves the network there, and every
 * other member with its own next rotation.
 */
import { readMember, readNetwork, readNetworkSuite } from "../../chaincode/rules/keys.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { type SigningIdentity, signingIdentity, signStatement } from "../../crypto/suites/signed.ts";
import { type SuiteId, suiteOf } from "../../crypto/suites/suite.ts";
import { record } from "../../exchange/requests/record.ts";
import type { LedgerEntry } from "../../ledger/port.ts";
import { haveNextKeys, type NodeKeys, readKeys, writeKeys } from "../config/node-keys.ts";
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
    /** Only the sequencer has a choice; default is the network's. */
    readonly suite?: SuiteId;
    readonly onNext: (next: SigningIdentity) => void;
  },
): Promise<Rotation> {
  const { identity, ledger, member, network } = services;
  if ((await readMember(ledger, member))?.status !== "active") {
    throw new NetworkError("ERR_NETWORK_NOT_ADMITTED_YET", `${member}: only an active member can change its keys`);
  }
  const { identity: next, tls } = await nextKeys(services, options);
  options.onNext(next);
  const body = {
    next: { key: next.key, suite: next.suite, publicKey: toBase64url(next.publicKey) },
    tls: tls.pin,
    proof: signStatement(next, "application", { member, replaces: identity.key, next: next.key }),
  };
  const entry = await record({ network, identity, ledger }, "key.rotate", body, { next: next.key });
  return { keyId: next.key, suite: next.suite, entry };
}

/**
 * Keys that wait already are offered again: the ledger may still learn of them from the outbox, and then only they open
 * this member's place.
 */
async function nextKeys(
  services: Pick<NodeServices, "config" | "dir" | "identity" | "ledger" | "member" | "now" | "random">,
  options: { readonly tls: TlsIdentity; readonly passphrase: string | undefined; readonly suite?: SuiteId },
): Promise<NodeKeys> {
  const { dir, ledger, member } = services;
  if (await haveNextKeys(dir)) return await readKeys(dir, "next", member, options.passphrase);
  const seed = services.random(32);
  const sequencer = (await readNetwork(ledger))?.sequencer === member;
  const tls = sequencer
    ? options.tls
    : await createTlsIdentity({
        member,
        endpoint: services.config().peer?.endpoint,
        now: services.now(),
        serial: services.random(15),
      });
  const suite = options.suite ?? suiteOf((await readNetworkSuite(ledger)) ?? "").id;
  await writeKeys(dir, "next", { suite, seed, tls }, options.passphrase);
  return { identity: signingIdentity(member, suite, seed), tls };
}
