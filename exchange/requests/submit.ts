/** Requester: file, cancel. The signed request stays here; the ledger gets its salted digest. */
import { canonicalJson, saltedDigest } from "../../crypto/suites/digest.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { signStatement } from "../../crypto/suites/signed.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { problemLine } from "../../policies/model/problem.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import { RequestError, type RequestProblem } from "./errors.ts";
import { isOver } from "./life.ts";
import type { Directory, LifeRecord, Party, RequestDocument, RequestStores } from "./ports.ts";
import { record, uuidOf } from "./record.ts";
import { MAX_REQUEST_BYTES, problemsOf } from "./validate.ts";

export interface SubmitPorts extends Party {
  readonly directory: Directory;
  readonly stores: Pick<RequestStores, "lives" | "documents">;
  /** Public metadata of an asset, where they can be had now; absent: elements are judged by the providers alone. */
  readonly metadata?: (asset: string) => Promise<Asset | undefined>;
  /** Done after a draft was found valid and before anything of it is stored. */
  readonly beforeStored?: (request: string) => Promise<void>;
}

/** What a person fills in; the node adds id, requester and time. */
export type RequestDraft = Omit<DataRequest, "id" | "requester" | "createdAt"> & { readonly id?: string };

export interface SubmittedRequest {
  readonly id: string;
  /** False while the ledger cannot be reached: the request is kept and recorded by itself as soon as it can. */
  readonly recorded: boolean;
}

/**
 * Resolves once the ledger has acknowledged the request, or with `recorded: false` where it cannot now. Throws
 * ERR_REQUEST_INVALID with every problem. Submitting the same draft with the same `id` again is answered, not doubled; another one under that id is refused with
 * ERR_REQUEST_TRANSITION.
 */
export async function submitRequest(ports: SubmitPorts, draft: RequestDraft): Promise<SubmittedRequest> {
  const at = ports.now();
  const salt = ports.random(32);
  const id =
    typeof draft.id === "string" ? draft.id : uuidOf({ requester: ports.identity.member, salt: toBase64url(salt) });
  const existing = await ports.stores.documents.get(id);
  const request: DataRequest = { ...draft, id, requester: ports.identity.member, createdAt: at };
  if (existing === undefined) {
    await refuseInvalid(ports, request, at);
    const document: RequestDocument = {
      document: signStatement(ports.identity, "data-request", request),
      salt: toBase64url(salt),
    };
    await ports.beforeStored?.(id);
    await ports.stores.documents.put(id, document);
    await ports.stores.lives.put(id, { life: { name: "draft", id }, position: -1 });
  } else if (!isSameDraft(existing.document, request)) {
    throw new RequestError("ERR_REQUEST_TRANSITION", `request ${id}: filed already, and not with this draft`, {
      problems: [{ field: "id", code: "request-id-taken", parameters: { id } }],
    });
  }
  return { id, recorded: await recordSubmission(ports, id).then(() => true, keptInOutbox) };
}

/** Another's document under the same id counts as different: its signature is not ours to lend. */
function isSameDraft({ signer, statement }: RequestDocument["document"], request: DataRequest): boolean {
  return (
    signer === request.requester &&
    canonicalJson(statement) === canonicalJson({ ...request, createdAt: statement.createdAt })
  );
}

/** Said where the outbox holds the record: its own fullness is ERR_LEDGER_FULL. */
const IN_OUTBOX: readonly unknown[] = ["ERR_LEDGER_UNREACHABLE", "ERR_LEDGER_NO_QUORUM", "ERR_LEDGER_QUOTA"];

/** The node's outbox repeats these until they are acknowledged; a person needs the id now. */
function keptInOutbox(error: unknown): false {
  const { code } = error as { code?: unknown };
  if (IN_OUTBOX.includes(code)) return false;
  throw error;
}

/** Also called at start for drafts whose record was not acknowledged before a crash. */
export async function recordSubmission(ports: SubmitPorts, id: string): Promise<void> {
  const document = await ports.stores.documents.get(id);
  if (document === undefined) throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: has no document here`);
  const { statement } = document.document;
  const salt = new Uint8Array(Buffer.from(document.salt, "base64url"));
  const body = {
    request: id,
    digest: saltedDigest(salt, document.document),
    assets: [...statement.assets],
    receiver: statement.receiver,
  };
  await record(ports, "request.submit", body, id);
}

/** Throws ERR_REQUEST_TRANSITION when the request is over. */
export async function cancelRequest(ports: SubmitPorts, id: string, reason: string): Promise<void> {
  const { life } = await known(ports, id);
  if (life.name === "draft" || life.requester !== ports.identity.member) {
    throw new RequestError("ERR_REQUEST_FORBIDDEN", `request ${id}: only its requester may cancel it`, {
      problems: [{ field: "request", code: "requester-cancels", parameters: {} }],
    });
  }
  if (isOver(life) && life.name !== "failed") {
    throw new RequestError("ERR_REQUEST_TRANSITION", `request ${id}: already ${life.name}`, {
      problems: [{ field: "request", code: "request-over", parameters: { state: life.name } }],
    });
  }
  await record(ports, "request.cancel", { request: id, reason }, id);
}

/** Throws ERR_REQUEST_INVALID with every problem. */
export async function refuseInvalid(
  ports: Pick<SubmitPorts, "directory" | "metadata">,
  request: DataRequest,
  now: string,
): Promise<void> {
  const bytes = Buffer.byteLength(JSON.stringify(request));
  const { directory, metadata } = ports;
  const problems: readonly RequestProblem[] =
    bytes > MAX_REQUEST_BYTES
      ? [{ field: "", code: "request-too-large", parameters: { bytes, limit: MAX_REQUEST_BYTES } }]
      : await problemsOf(request, { directory, now, ...(metadata === undefined ? {} : { metadata }) });
  if (problems.length === 0) return;
  const lines = problems.map(problemLine).join("; ");
  throw new RequestError("ERR_REQUEST_INVALID", `the request cannot be submitted: ${lines}`, { problems });
}

async function known(ports: Pick<SubmitPorts, "stores">, id: string): Promise<LifeRecord> {
  const found = await ports.stores.lives.get(id);
  if (found === undefined) throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: not known to this node`);
  return found;
}
