/**
 * Who signs and cosigns checkpoints, read from the contract's state. The quorum of a group commit is the majority of the
 * active cosigners, the sequencer excluded, in the state BEFORE the commit. Since a record that changes membership or
 * keys always ends its group commit, that is the state before the checkpoint's last record.
 */
import { readKey, readMembers, readNetwork, type StateReader } from "../../chaincode/rules/keys.ts";
import type { KeyState, MemberState } from "../../chaincode/rules/records.ts";
import { type PublicKey, readPublicKey } from "../../crypto/suites/suite.ts";
import { cosignerNameOf, originOf } from "../log/checkpoint.ts";
import { majorityOf } from "../log/cosignature.ts";
import { type NoteKey, noteKey } from "../log/note.ts";

export interface Governance {
  /** Signs checkpoints; undefined before the network is founded. */
  readonly log: NoteKey | undefined;
  readonly sequencer: string | undefined;
  readonly cosigners: ReadonlyMap<string, NoteKey>;
  readonly needed: number;
}

/** A record that writes such a key is the last of its group commit. */
export const isGovernanceKey = (key: string): boolean => /^(network$|member\/|key\/)/.test(key);

export async function readGovernance(state: StateReader, network: string): Promise<Governance> {
  const founded = await readNetwork(state);
  if (founded === undefined) return { log: undefined, sequencer: undefined, cosigners: new Map(), needed: 0 };
  const cosigners = new Map<string, NoteKey>();
  let log: NoteKey | undefined;
  for (const member of await readMembers(state)) {
    const { id } = member.record;
    const key = await signingKeyOf(state, member);
    if (key === undefined) continue;
    if (id === founded.sequencer) log = noteKey(originOf(network), "note", key);
    else if (member.record.cosigner && member.status === "active") {
      cosigners.set(id, noteKey(cosignerNameOf(network, id), "cosignature", key));
    }
  }
  return { log, sequencer: founded.sequencer, cosigners, needed: majorityOf(cosigners.size) };
}

async function signingKeyOf(state: StateReader, { record }: MemberState): Promise<PublicKey | undefined> {
  const key = await readKey(state, record.identity.key);
  return key?.state === "current" ? readPublicKey(record.identity) : undefined;
}

/** Every public key the member ever had: what it may have signed checkpoints with. */
export async function keysOf(state: StateReader, member: string): Promise<readonly PublicKey[]> {
  const found: PublicKey[] = [];
  for await (const [, value] of state.range("key/")) {
    const key = value as KeyState;
    if (key.member === member) found.push(readPublicKey(key));
  }
  return found;
}
