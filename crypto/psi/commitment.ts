/**
 * What a party says of its list before the first round: how long it is, and a salted root over it, masked and sorted. The
 * other side checks what it then gets against that, so a list cannot be changed after a look at the other one. The items
 * are under a key of this run and the root under a salt: it says nothing of them, and an auditor who is given key, salt and
 * items works it out again.
 */
import { createHash } from "node:crypto";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { toBase64url, utf8 } from "../suites/encoding.ts";
import { treeOf } from "../suites/merkle.ts";
import { PsiError } from "./errors.ts";
import { type List, MAXIMUM_ITEMS } from "./frames.ts";

const LABEL = utf8("sealane psi commitment\n");
const SALT_BYTES = 32;

/** What comes of it: which of its items the asker shares, how many, or sums over them (join.ts). */
const PSI_VARIANTS = ["intersection", "cardinality", "join"] as const;
export type PsiVariant = (typeof PSI_VARIANTS)[number];
/** The asker learns; the holder answers. */
const PSI_SIDES = ["asker", "holder"] as const;
export type PsiSide = (typeof PSI_SIDES)[number];

const Bytes16 = Type.String({ pattern: "^[A-Za-z0-9_-]{21}[AQgw]$" });
const Bytes32 = Type.String({ pattern: "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$" });
const closed = { additionalProperties: false };

/** Goes on record before the first round. */
const Commitment = Type.Object(
  {
    run: Bytes16,
    variant: Type.Enum([...PSI_VARIANTS]),
    side: Type.Enum([...PSI_SIDES]),
    size: Type.Integer({ minimum: 1, maximum: MAXIMUM_ITEMS }),
    root: Bytes32,
  },
  closed,
);
export type Commitment = Static<typeof Commitment>;
const commitments = Compile(Commitment);

const MAXIMUM_COMMITMENT_BYTES = 512;

/**
 * Items that the other side's list may have. A list of one asks after one entity, and one as long as a register asks for the
 * whole list: what a run tells is limited by these and by how many runs there are.
 */
export interface Sizes {
  readonly least: number;
  readonly most: number;
}

/**
 * Of the other side, for this run, before anything of one's own goes out. Throws ERR_PSI_SIZE for a list of another size than `sizes` too;
 * ERR_PSI_MESSAGE; ERR_PSI_COMMITMENT for another run, variant or side.
 */
export function parseCommitment(
  text: string,
  wanted: Pick<Commitment, "run" | "variant" | "side">,
  { least, most }: Sizes,
): Commitment {
  if (text.length > MAXIMUM_COMMITMENT_BYTES) {
    throw new PsiError("ERR_PSI_SIZE", `commitment: wanted at most ${MAXIMUM_COMMITMENT_BYTES} bytes`);
  }
  const value = parsed(text);
  if (!commitments.Check(value)) throw new PsiError("ERR_PSI_MESSAGE", "commitment: not one of this protocol");
  const other = (["run", "variant", "side"] as const).find((name) => value[name] !== wanted[name]);
  if (other !== undefined) throw new PsiError("ERR_PSI_COMMITMENT", `commitment: its ${other} is another one`);
  if (value.size < least || value.size > most) {
    throw new PsiError("ERR_PSI_SIZE", `commitment: wanted ${least} to ${most} items, got ${value.size}`);
  }
  return value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const runText = (run: Uint8Array): string => toBase64url(run);

/** `frames`: leaf hashes of the list's frames. `salt`: 32 random bytes, sent with the list. */
export function commitmentOf(
  about: { readonly variant: PsiVariant; readonly side: PsiSide },
  { run, size }: List,
  frames: readonly Uint8Array[],
  salt: Uint8Array,
): Commitment {
  return Object.freeze({ run: runText(run), ...about, size, root: saltedRoot(frames, salt) });
}

function saltedRoot(frames: readonly Uint8Array[], salt: Uint8Array): string {
  if (salt.length !== SALT_BYTES) {
    throw new PsiError("ERR_PSI_MESSAGE", `salt: wanted ${SALT_BYTES} bytes, got ${salt.length}`);
  }
  return createHash("sha256").update(LABEL).update(salt).update(treeOf(frames).root).digest("base64url");
}

/** Throws ERR_PSI_COMMITMENT where the list that came is another one than was committed to. */
export function assertCommitted(commitment: Commitment, frames: readonly Uint8Array[], salt: Uint8Array): void {
  if (saltedRoot(frames, salt) !== commitment.root) {
    throw new PsiError("ERR_PSI_COMMITMENT", "list: not the one that was committed to");
  }
}
