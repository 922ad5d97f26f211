/** Everyone named by a request: get the document behind a ledger digest and believe nothing of it unchecked. */
import type { Static } from "typebox";
import { Compile } from "typebox/compile";
import { saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { verifySigned } from "../../crypto/suites/signed.ts";
import { DataRequest } from "../../policies/model/request.ts";
import { Bytes32, closed, signed } from "../../policies/model/vocabulary.ts";
import { RequestError } from "./errors.ts";
import type { RequestLife } from "./life.ts";
import type { Directory, RequestDocument } from "./ports.ts";

/** Wire form of a request document (peer interface of the requester or its relay). */
export const RequestDocumentSchema = closed({ document: signed(DataRequest), salt: Bytes32 });
const compiled = Compile(RequestDocumentSchema);

/** Throws ERR_REQUEST_INVALID naming the first thing that does not fit the ledger's record of this request. */
export async function verifyDocument(
  life: Exclude<RequestLife, { name: "draft" }>,
  received: unknown,
  directory: Pick<Directory, "publicKey">,
): Promise<RequestDocument> {
  if (!compiled.Check(received)) {
    const [problem] = compiled.Errors(received);
    throw mismatch(life.id, problem?.instancePath ?? "", problem?.message ?? "not a request document");
  }
  const { document, salt } = received as Static<typeof RequestDocumentSchema>;
  const { statement } = document;
  if (saltedDigest(fromBase64url(salt, "salt", 32), document) !== life.digest) {
    throw mismatch(life.id, "document", "its salted digest is not the one on the ledger");
  }
  if (statement.id !== life.id) throw mismatch(life.id, "id", `the document is request ${statement.id}`);
  if (statement.requester !== life.requester || document.signer !== life.requester) {
    throw mismatch(life.id, "requester", `submitted by ${life.requester}, signed by ${document.signer}`);
  }
  if (statement.receiver !== life.receiver) throw mismatch(life.id, "receiver", "differs from the ledger");
  const assets = Object.keys(life.assets);
  if (assets.length !== statement.assets.length || !statement.assets.every((asset) => asset in life.assets)) {
    throw mismatch(life.id, "assets", "differ from the ledger");
  }
  const publicKey = await directory.publicKey(document.signer, document.key);
  if (publicKey === undefined || !verifySigned(publicKey, "data-request", document)) {
    throw mismatch(life.id, "signature", `does not verify under key ${document.key} of ${document.signer}`);
  }
  return { document, salt };
}

const mismatch = (id: string, field: string, detail: string) =>
  new RequestError("ERR_REQUEST_INVALID", `request ${id}: ${field}: ${detail}`, {
    problems: [{ field, code: "mismatch", detail }],
  });
