/** The same question over the same versions of the same assets was released before: that answer stands. */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { RequestDraft } from "../../exchange/requests/submit.ts";
import type { Context } from "./context.ts";

/** Id of the released request that answers the draft, or undefined. */
export async function earlierAnswer(ctx: Context, draft: RequestDraft): Promise<string | undefined> {
  if (draft.id !== undefined) return undefined;
  const wanted = questionOf(draft);
  for await (const [id, { life }] of ctx.stores.lives.entries()) {
    if (life.name !== "released" || life.requester !== ctx.services.member) continue;
    const document = await ctx.stores.documents.get(id);
    if (document === undefined || questionOf(document.document.statement) !== wanted) continue;
    if ((await ctx.stores.results.get(life.computation))?.evidence === undefined) continue;
    if (await sameVersions(ctx, life.assets)) return id;
  }
  return undefined;
}

/** Everything that decides what is asked and for what; titles, dates and ids do not. */
function questionOf(draft: RequestDraft): string | undefined {
  const { purpose, legalBasis, scenario, query, assets, recipients, territory, receiverMode, receiver } = draft;
  try {
    const about = { purpose: purpose.code, legalBasis: legalBasis.code, scenario, territory, receiverMode, receiver };
    return canonicalJson({ ...about, query, assets: [...assets].sort(), recipients: [...recipients].sort() });
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
