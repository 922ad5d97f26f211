/** The same question over the same versions of the same assets was released before: that answer stands. */
import { digestOf } from "../../crypto/suites/digest.ts";
import type { RequestDraft } from "../../exchange/requests/submit.ts";
import type { Context } from "./context.ts";

/** Id of the released request that answers the draft, or undefined. */
export async function earlierAnswer(ctx: Context, draft: RequestDraft): Promise<string | undefined> {
  if (draft.id !== undefined) return undefined;
  const wanted = questionOf(draft);
  const id = wanted === undefined ? undefined : await ctx.stores.answers.get(wanted);
  if (id === undefined) return undefined;
  const life = (await ctx.stores.lives.get(id))?.life;
  if (life?.name !== "released" || life.requester !== ctx.services.member) return undefined;
  if ((await ctx.stores.evidence.get(life.computation)) === undefined) return undefined;
  return (await sameVersions(ctx, life.assets)) ? id : undefined;
}

/** Called when the answer to an own request is verified and kept. */
export async function rememberAnswer(ctx: Pick<Context, "stores">, request: string): Promise<void> {
  const document = await ctx.stores.documents.get(request);
  const question = document === undefined ? undefined : questionOf(document.document.statement);
  if (question !== undefined) await ctx.stores.answers.put(question, request);
}

/** Everything that decides what is asked, for what, and how long it may be kept; titles, dates and ids do not. */
export function questionOf(draft: RequestDraft): string | undefined {
  const { purpose, legalBasis, assets, recipients, appeal } = draft;
  // Its answers are its requester's secret questions, or about its list.
  if (draft.encryptedQuery !== undefined || draft.join !== undefined) return undefined;
  const { scenario, territory, retentionDays, receiverMode, receiver, method, query } = draft;
  try {
    const terms = { purpose: purpose.code, legalBasis: legalBasis.code, scenario, territory, retentionDays };
    // Who asks for a method wants it used: an answer by another one is none.
    const answerer = { receiverMode, receiver, ...(method === undefined || method === "mask" ? {} : { method }) };
    // Whoever appeals wants to be heard.
    return digestOf({
      ...(appeal === undefined ? {} : { appeal }),
      ...terms,
      ...answerer,
      query,
      assets: [...assets].sort(),
      recipients: [...recipients].sort(),
    });
  } catch {
    return undefined;
  }
}

async function sameVersions(
  ctx: Context,
  assets: Readonly<
    Record<string, { readonly agreement?: { readonly assetVersion: number; readonly revoked?: string } }>
  >,
): Promise<boolean> {
  for (const [asset, { agreement }] of Object.entries(assets)) {
    const registered = await ctx.facts.asset(asset);
    if (registered === undefined || registered.withdrawn || registered.version !== agreement?.assetVersion)
      return false;
    if (agreement.revoked !== undefined) return false;
  }
  return true;
}
