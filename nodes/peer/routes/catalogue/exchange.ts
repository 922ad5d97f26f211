/** The operator's shelf of signed catalogue entries: providers push their own, members pull what they may see. */
import { AssetId, closed } from "../../../../chaincode/rules/vocabulary.ts";
import type { HttpApp } from "../../../http/http-app.ts";
import { HttpError } from "../../../http/http-error.ts";
import { problems } from "../../../http/schemas.ts";
import { EntryMessage, EntryStored } from "../../../runtime/assets/catalogue.ts";
import type { NodeServices } from "../../../runtime/services.ts";

const MAX_ENTRY_BYTES = 4 * 1024 * 1024;

export function exchangeCatalogue(app: HttpApp, deps: Pick<NodeServices, "catalogue">): void {
  app.post(
    "/peer/v1/catalogue",
    { bodyLimit: MAX_ENTRY_BYTES, schema: { body: EntryMessage, response: { 200: EntryStored, ...problems } } },
    async (request) => {
      await deps.catalogue.accept(request.body.entry, request.author);
      return { done: true as const };
    },
  );
  app.get(
    "/peer/v1/catalogue/:asset",
    { schema: { params: closed({ asset: AssetId }), response: { 200: EntryMessage, ...problems } } },
    async (request) => {
      const entry = await deps.catalogue.shown(request.params.asset, request.author);
      if (entry === undefined)
        throw new HttpError("ERR_HTTP_NOT_FOUND", `asset: ${request.params.asset} is not listed`);
      return { entry };
    },
  );
}
