/** A node matches only for requests that name it: anybody else's lists would be its work and its disk. */
import { readAgreement, readJoinOpened } from "../../chaincode/rules/keys.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import type { RequestDocument } from "../../exchange/requests/ports.ts";
import type { Context } from "../computations/context.ts";
import { knownRequest } from "../computations/known-request.ts";

/** `brought`: checked against the digest on the ledger. Throws RequestError. */
export async function demandNamed(ctx: Context, author: string, run: string, brought: RequestDocument): Promise<void> {
  const { ledger, member } = ctx.services;
  const opened = await readJoinOpened(ledger, run);
  const agreement = opened && (await readAgreement(ledger, opened.body.agreement))?.agreement;
  if (agreement?.request === undefined) {
    throw new RequestError("ERR_REQUEST_UNREACHABLE", `match of run ${run}: not on this node's replica yet`);
  }
  if (author !== opened!.requester && author !== opened!.provider) {
    throw new RequestError("ERR_REQUEST_FORBIDDEN", `match of run ${run}: is not ${author}'s`);
  }
  const { coordinator } = await knownRequest(ctx, agreement.request, brought);
  if (coordinator === member) return;
  throw new RequestError("ERR_REQUEST_FORBIDDEN", `match of run ${run}: its request names ${coordinator} to match`);
}
