/** What the requester hands over to the receiver of a computation it opens. */
import { checkDocuments } from "../../exchange/computations/documents.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import type { Context, Dossier } from "./context.ts";

/** Only the named receiver takes it. */
export async function takeDossier(ctx: Context, from: string, computation: string, dossier: Dossier): Promise<void> {
  const { statement } = dossier.request.document;
  if (statement.requester !== from || statement.receiver !== ctx.services.member) {
    throw new ComputationError("ERR_COMPUTATION_FORBIDDEN", `computation ${computation}: not for this receiver`);
  }
  const opened = await ctx.facts.opened(computation);
  if (opened !== undefined) {
    if (opened.requester !== from || opened.body.receiver !== ctx.services.member) {
      throw new ComputationError("ERR_COMPUTATION_FORBIDDEN", `computation ${computation}: not ${from}'s to hand over`);
    }
    checkDocuments(dossier.documents, opened.body);
  }
  await ctx.unopened.keep("dossier", from, computation, dossier);
}
