/** The request behind a computation, as this node has verified it. */
import { RequestError } from "../../exchange/requests/errors.ts";
import type { RequestDocument } from "../../exchange/requests/ports.ts";
import { verifyDocument } from "../../exchange/requests/pull.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import type { Context } from "./context.ts";

/**
 * `brought`: the document as another member handed it over; checked against the ledger and kept. Throws RequestError
 * ERR_REQUEST_INVALID where it is another one, ERR_REQUEST_UNKNOWN where there is none.
 */
export async function knownRequest(ctx: Context, id: string, brought?: RequestDocument): Promise<DataRequest> {
  const kept = await ctx.stores.documents.get(id);
  if (kept !== undefined) return kept.document.statement;
  const life = (await ctx.stores.lives.get(id))?.life;
  if (brought === undefined || life === undefined || life.name === "draft") {
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: its document is not here`);
  }
  const document = await verifyDocument(life, brought, ctx.facts);
  await ctx.stores.documents.put(id, document);
  return document.document.statement;
}
