/**
 * A store that was rolled back must not sign twice (secure-aggregation.md section 6, last paragraph). After a restart
 * a member asks coordinator, receiver and sequencer what they hold of its own: statements about a computation, and
 * cosignatures of the ledger. Whoever of them is honest and knows more than this store ends its part.
 */
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import type { MemberInput } from "../../crypto/secagg/step.ts";
import type { Signed, SigningIdentity } from "../../crypto/suites/signed.ts";
import { cosignerNameOf, parseCheckpoint } from "../../ledger/log/checkpoint.ts";
import { verifyCosignature } from "../../ledger/log/cosignature.ts";
import { LogError } from "../../ledger/log/errors.ts";
import { formatNote, noteKey } from "../../ledger/log/note.ts";
import { parseProof } from "../../ledger/log/proof-text.ts";
import type { Context } from "./context.ts";
import { endingPeers } from "./ending-peers.ts";
import type { HostedRole } from "./hosted-role.ts";
import { paths, WitnessedStatements } from "./peer-messages.ts";

const WITNESS_MS = 20_000;

export interface Witnessed {
  readonly statements: readonly Signed<unknown>[];
  /** A checkpoint with the member's own cosignature. */
  readonly cosigned?: string;
}

// ---- the witness's side

/** What this node holds of a member: as coordinator, as receiver, as sequencer or as any other replica. */
export async function witnessedOf(
  ctx: Pick<Context, "services" | "stores">,
  computation: string,
  member: string,
): Promise<Witnessed> {
  const statements: Signed<unknown>[] = [];
  for await (const [, one] of ctx.stores.witnessed.entries(`${computation}/${member}/`)) statements.push(one);
  const transcript = statements.length > 0 ? undefined : await ctx.stores.transcripts.get(computation);
  if (transcript !== undefined) {
    const { result, accepts, views1 } = transcript;
    const all: readonly Signed<unknown>[] = [...result.keys, ...accepts, ...views1, ...result.views];
    statements.push(...all.filter(({ signer }) => signer === member));
  }
  const notes = [ctx.services.cosignedNotes.of(member), await headNote(ctx, member)];
  const [cosigned] = notes.filter((note) => note !== undefined).sort((a, b) => sizeOf(b) - sizeOf(a));
  return { statements, ...(cosigned === undefined ? {} : { cosigned }) };
}

/** The latest acknowledged checkpoint with this member's cosignature alone, where the quorum had it. */
async function headNote({ services }: Pick<Context, "services">, member: string): Promise<string | undefined> {
  const { height, kind } = await services.ledger.status();
  if (kind !== "embedded" || height === 0) return undefined;
  const proof = await services.ledger.prove(height - 1);
  if (proof.kind !== "tlog") return undefined;
  const { note } = parseCheckpoint(parseProof(proof.proof).checkpoint);
  const own = note.signatures.filter(({ name }) => name === cosignerNameOf(services.network, member));
  return own.length === 0 ? undefined : formatNote({ text: note.text, signatures: own });
}

function sizeOf(note: string): number {
  try {
    return parseCheckpoint(note).checkpoint.size;
  } catch (error) {
    if (error instanceof LogError) return -1;
    throw error;
  }
}

// ---- the member's side

/** Entries under a checkpoint that `identity` cosigned; undefined when the note is not one. */
export function cosignedSize(
  note: string,
  about: { readonly network: string; readonly identity: Pick<SigningIdentity, "member" | "suite" | "publicKey"> },
): number | undefined {
  const key = noteKey(cosignerNameOf(about.network, about.identity.member), "cosignature", about.identity);
  try {
    const { checkpoint, note: parsed } = parseCheckpoint(note);
    const isOwn = parsed.signatures.some((one) => verifyCosignature(key, parsed.text, one) !== undefined);
    return isOwn ? checkpoint.size : undefined;
  } catch (error) {
    if (error instanceof LogError) return undefined;
    throw error;
  }
}

/** Nobody is waited for longer than that, slow machines included: ledger records tell the closing sets in any case. */
export async function askWitnesses(
  ctx: Context,
  { body }: ComputationOpened,
  role: HostedRole<MemberInput>,
): Promise<void> {
  const { services } = ctx;
  const asked = new Set([body.coordinator, body.receiver, await ctx.facts.sequencer()]);
  const { heldAtOpening } = await services.ledger.status();
  const ask = async (witness: string) => {
    // A role that is about to start has no end of its own yet that the node could bring about.
    const peers = endingPeers(services.peers, ctx.closing.signal);
    const { statements, cosigned } = await peers.call(await services.members.target(witness), {
      method: "GET",
      path: paths.witnessed(body.computation),
      response: WitnessedStatements,
      timeoutMs: WITNESS_MS,
      attempts: 1,
      signal: role.signal,
    });
    const size = cosigned === undefined ? undefined : cosignedSize(cosigned, services);
    if (size !== undefined && heldAtOpening !== undefined && size > heldAtOpening) {
      services.log.error({ computation: body.computation, witness, size, heldAtOpening }, "this store was rolled back");
      await role.feed({ kind: "rolled-back" });
    }
    await role.feed({ kind: "witnessed", statements: statements as Signed<unknown>[] });
  };
  await Promise.all(
    [...asked].map((witness) =>
      ask(witness).catch((error: unknown) =>
        services.log.warn({ err: error, computation: body.computation, witness }, "own statements not asked for"),
      ),
    ),
  );
}
