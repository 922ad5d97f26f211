/** The document of a data request beside its ContractRequestMessage, for a provider that could not fetch it. */
import { dataRequestOf } from "../../exchange/negotiation/data-request.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { verifyDocument } from "../../exchange/requests/pull.ts";
import type { Context } from "./context.ts";

const DOCUMENT = "sealane:document";

/** A first message as it came, taken apart: what it brings is no part of it. */
export function withoutDocument(body: unknown): { readonly message: unknown; readonly document?: unknown } {
  if (typeof body !== "object" || body === null || !(DOCUMENT in body)) return { message: body };
  const { [DOCUMENT]: document, ...message } = body;
  return { message, document };
}

export function createBroughtDocuments({ services, stores, facts }: Context) {
  /** Those that are not what the ledger has a digest of: a reason to refuse the request. */
  const wrong = services.openStore<unknown>("offered-documents");
  return Object.freeze({
    async with(message: NegotiationMessage, isBrought: boolean): Promise<object> {
      const request = isBrought ? requestIn(message) : undefined;
      return request === undefined ? message : { ...message, [DOCUMENT]: await stores.documents.get(request) };
    },
    /** Verified before it is kept; what does not verify is kept apart, as the reason of a refusal. */
    async keep(message: NegotiationMessage, received: unknown): Promise<void> {
      const request = requestIn(message);
      const life = request === undefined ? undefined : (await stores.lives.get(request))?.life;
      if (life === undefined || life.name === "draft" || (await stores.documents.get(life.id)) !== undefined) return;
      try {
        await stores.documents.put(life.id, await verifyDocument(life, received, facts));
      } catch (error) {
        if (!(error instanceof RequestError) || error.code !== "ERR_REQUEST_INVALID") throw error;
        await wrong.put(life.id, received);
      }
    },
    wrong: wrong.get,
  });
}

const requestIn = (message: NegotiationMessage): string | undefined =>
  message["@type"] === "ContractRequestMessage" ? dataRequestOf(message.offer)?.request : undefined;
