/** `/.well-known/did.json` of the one participant that this node is. */
import type { MemberRecord } from "../../../chaincode/rules/transactions.ts";
import { didDocument } from "../../dataspace/did-document.ts";
import type { HttpApp } from "../http-app.ts";
import { HttpError } from "../http-error.ts";

/** `member`: its record on the ledger; undefined while it is no active member with an endpoint. */
export function addDidRoute(app: HttpApp, member: () => Promise<MemberRecord | undefined>, path: string): void {
  app.get("/.well-known/did.json", { config: { public: true, accessLog: false } }, async (_request, reply) => {
    const record = await member();
    if (record?.endpoint === undefined) throw new HttpError("ERR_HTTP_NOT_FOUND", "no active member stands here");
    const { endpoint } = record;
    return reply.type("application/did+json").send(JSON.stringify(didDocument({ ...record, endpoint }, path)));
  });
}
