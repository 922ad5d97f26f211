/**
 * Calls of the HTTPS binding, and answers to them, for a member that takes no calls: it fetches what waits for it. Each
 * is signed by its author for its recipient, so that whoever passes it on can change nothing.
 */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { Instant, MemberId } from "../../chaincode/rules/vocabulary.ts";
import { type Signed, type SigningIdentity, signStatement, verifySigned } from "../../crypto/suites/signed.ts";
import { closed, signed } from "../../policies/model/vocabulary.ts";

const Id = Type.String({ minLength: 1, maxLength: 512 });
const Signature = Type.String({ pattern: "^[A-Za-z0-9_-]{86}$" });

export const Call = closed({
  /** What its author calls the process: one call at a time is on its way in each. */
  pid: Id,
  /** As under the base address of a member that takes calls. */
  path: Type.String({ minLength: 1, maxLength: 2048 }),
  body: Type.Unknown(),
});
export const Reply = closed({
  /** Signature of the letter that it answers. */
  to: Signature,
  status: Type.Integer({ minimum: 200, maximum: 599 }),
  body: Type.Unknown(),
});
const Statement = closed({
  network: Type.String({ minLength: 1, maxLength: 64 }),
  to: MemberId,
  at: Instant,
  content: Type.Union([closed({ call: Call }), closed({ reply: Reply })]),
});
export const LetterSchema = signed(Statement);
const letters = Compile(LetterSchema);

export type Call = Static<typeof Call>;
export type Reply = Static<typeof Reply>;
export type Letter = Signed<Static<typeof Statement>>;
export type Content = Letter["statement"]["content"];

export const writeLetter = (
  identity: SigningIdentity,
  about: { readonly network: string; readonly to: string; readonly at: string; readonly content: Content },
): Letter => signStatement(identity, "negotiation", { ...about });

/** Undefined for whatever is wrong with it. `publicKey`: of an active member's current key, by the ledger. */
export async function readLetter(
  value: unknown,
  network: string,
  publicKey: (member: string, key: string) => Promise<Uint8Array | undefined>,
): Promise<Letter | undefined> {
  if (!letters.Check(value) || value.statement.network !== network) return undefined;
  const letter: Letter = value;
  const key = await publicKey(letter.signer, letter.key);
  return key !== undefined && verifySigned(key, "negotiation", letter) ? letter : undefined;
}
