import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import { cosignerNameOf, parseCheckpoint } from "../log/checkpoint.ts";
import { cosign } from "../log/cosignature.ts";
import { formatNote } from "../log/note.ts";

export interface Cosigner {
  readonly network: string;
  readonly identity: SigningIdentity;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A note over the checkpoint's text with this member's cosignature alone. */
export function cosignedNote(checkpoint: string, { network, identity, now }: Cosigner): string {
  const { text } = parseCheckpoint(checkpoint).note;
  const cosigner = {
    name: cosignerNameOf(network, identity.member),
    suite: identity.suite,
    privateKey: identity.privateKey,
  };
  return formatNote({ text, signatures: [cosign(text, cosigner, Math.floor(now() / 1000))] });
}
