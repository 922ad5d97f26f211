/** Paths and schemas of the exchange part of `peer/v1`, for the calling and the answering side. */
import { Type } from "typebox";
import { ReceiverKey } from "../../chaincode/rules/transactions.ts";
import { AgreementKey, Code, Count, closed, MemberId, SuiteId, Uuid } from "../../chaincode/rules/vocabulary.ts";
import { pairBytes } from "../../crypto/he/pairs.ts";
import { parametersFor } from "../../crypto/he/parameters.ts";
import { MAXIMUM_CHUNKS } from "../../crypto/secagg/constants.ts";
import { ComputationDocuments } from "../../exchange/computations/documents.ts";
import { AgreedTerms } from "../../exchange/requests/agreement-record.ts";
import { RequestDocumentSchema } from "../../exchange/requests/pull.ts";

export const paths = Object.freeze({
  receiverKey: (computation: string) => `/peer/v1/computations/${computation}/receiver-key`,
  documents: (computation: string) => `/peer/v1/computations/${computation}/documents`,
  dossier: (computation: string) => `/peer/v1/computations/${computation}/dossier`,
  messages: (computation: string) => `/peer/v1/computations/${computation}/messages`,
  /** As `messages`; the answer is what C has to say next. */
  messagesAndMailbox: (
    computation: string,
    cursor: { readonly epoch: string; readonly after: number },
    waitMs: number,
  ) => `/peer/v1/computations/${computation}/messages?epoch=${cursor.epoch}&after=${cursor.after}&waitMs=${waitMs}`,
  chunk: (computation: string, { phase, member, index }: { phase: 1 | 2; member: string; index: number }) =>
    `/peer/v1/computations/${computation}/contributions/${phase}/${member}/${index}`,
  /** As `chunk`, of what C added up under a homomorphic envelope. */
  sum: (computation: string, index: number) => `/peer/v1/computations/${computation}/sums/${index}`,
  mailbox: (computation: string, cursor: { readonly epoch: string; readonly after: number }, waitMs: number) =>
    `/peer/v1/computations/${computation}/mailbox?epoch=${cursor.epoch}&after=${cursor.after}&waitMs=${waitMs}`,
  witnessed: (computation: string) => `/peer/v1/computations/${computation}/witnessed`,
  transcript: (computation: string) => `/peer/v1/computations/${computation}/transcript`,
  result: (computation: string) => `/peer/v1/results/${computation}`,
});

export const ComputationParameters = closed({ computation: Uuid });

/** Protocol messages are checked by crypto/secagg itself, by type and size. */
export const ProtocolMessage = Type.Object({ type: Type.String({ maxLength: 32 }), computation: Uuid });

export const Accepted = closed({ accepted: Type.Literal(true) });
/** `held`: of a contribution in several chunks, how many the coordinator has, from the first on. */
export const AcceptedMessage = closed({ accepted: Type.Literal(true), held: Type.Optional(Count) });
export const ChunkParameters = closed({
  computation: Uuid,
  phase: Type.Union([Type.Literal("1"), Type.Literal("2")]),
  member: MemberId,
  index: Type.Integer({ minimum: 0, maximum: MAXIMUM_CHUNKS - 1 }),
});
export const MailboxPageSchema = closed({
  epoch: Type.String({ pattern: "^[A-Za-z0-9_-]{1,32}$" }),
  next: Count,
  messages: Type.Array(Type.Unknown(), { maxItems: 16 }),
});
export const MailboxQuery = closed({
  epoch: Type.String({ pattern: "^[A-Za-z0-9_-]{1,32}$" }),
  after: Type.Integer({ minimum: 0 }),
  waitMs: Type.Integer({ minimum: 0, maximum: 60_000 }),
});
/** `mailbox` or nothing. */
export const MessagesQuery = Type.Partial(MailboxQuery, { additionalProperties: false });
export const AcceptedOrPage = Type.Union([AcceptedMessage, MailboxPageSchema]);
/** A member's own signed statements and latest cosignature, as coordinator, receiver or sequencer hold them. */
export const WitnessedStatements = closed({
  statements: Type.Array(Type.Unknown(), { maxItems: 16 }),
  cosigned: Type.Optional(Type.String({ maxLength: 4_096 })),
});
/** Of a homomorphic envelope: 128 KiB, base64url. */
const HomomorphicKey = Type.String({
  pattern: "^[A-Za-z0-9_-]*$",
  maxLength: Math.ceil((pairBytes(parametersFor(1)) * 4) / 3),
});
export const CoordinatorDossierSchema = closed({
  documents: ComputationDocuments,
  request: RequestDocumentSchema,
  homomorphicKey: Type.Optional(HomomorphicKey),
});
/** `parameters`: of the homomorphic envelope that the request asks for. */
export const ReceiverKeyRequest = closed({ request: Uuid, parameters: Type.Optional(Code) });
export const ReceiverKeyAnswer = closed({ key: ReceiverKey, homomorphicKey: Type.Optional(HomomorphicKey) });
export const SumParameters = closed({
  computation: Uuid,
  index: Type.Integer({ minimum: 0, maximum: MAXIMUM_CHUNKS - 1 }),
});
export const DossierSchema = closed({
  documents: ComputationDocuments,
  request: RequestDocumentSchema,
  terms: Type.Array(AgreedTerms, { minItems: 3, maxItems: 1000 }),
});
export const TranscriptSchema = closed({
  result: ProtocolMessage,
  accepts: Type.Array(Type.Unknown(), { maxItems: 1000 }),
  refusals: Type.Array(Type.Unknown(), { maxItems: 1000 }),
  views1: Type.Array(Type.Unknown(), { maxItems: 1000 }),
});
/** Requester to receiver: a fresh key the answer is sealed to, and the suite that it is one of (absent: intl). */
export const ResultRequest = closed({ suite: Type.Optional(SuiteId), publicKey: AgreementKey });
export const SealedResult = closed({ sealed: Type.String({ maxLength: 400 * 1024 * 1024 }) });
