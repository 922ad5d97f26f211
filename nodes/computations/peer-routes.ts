/** The exchange part of `peer/v1`. The author of every call is a verified member; each route says who may call it. */
import { type Static, Type } from "typebox";
import { readComputationStep } from "../../chaincode/rules/keys.ts";
import { CHUNK_WORDS } from "../../crypto/secagg/constants.ts";
import { checkDocuments } from "../../exchange/computations/documents.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { isOver } from "../../exchange/requests/life.ts";
import type { HttpApp } from "../http/http-app.ts";
import { problems } from "../http/schemas.ts";
import type { Context, CoordinatorDossier, Dossier, Transcript } from "./context.ts";
import { takeDossier } from "./dossiers.ts";
import { computationInPath } from "./gauges.ts";
import { type ChunkPlace, chunkId } from "./kept-chunks.ts";
import {
  Accepted,
  AcceptedMessage,
  AcceptedOrPage,
  ChunkParameters,
  ComputationParameters,
  CoordinatorDossierSchema,
  DossierSchema,
  MailboxPageSchema,
  MailboxQuery,
  MessagesQuery,
  ProtocolMessage,
  ReceiverKeyAnswer,
  ReceiverKeyRequest,
  ResultRequest,
  SealedResult,
  SumParameters,
  TranscriptSchema,
  WitnessedStatements,
} from "./peer-messages.ts";
import { receiverKeyFor } from "./receiver-keys.ts";
import { ownResult } from "./requester.ts";
import { sealTo } from "./sealing.ts";
import type { ExchangeService } from "./service.ts";
import { witnessedOf } from "./witness.ts";

const BEHIND_MS = 5_000;
const NO_PAGE = { epoch: "none", next: 0 };
/** Bytes of bodies whose form says how large they can be; the rest is bounded by the configuration or the protocol. */
const LARGEST = Object.freeze({
  chunk: CHUNK_WORDS * 8,
  /** A few ids, or a negotiation message with what extensions add to it. */
  word: 64 * 1024,
});
const accepted = { accepted: true as const };

export function addExchangePeerRoutes(app: HttpApp, ctx: Context, roles: ExchangeService["roles"]): void {
  app.addHook("onSend", async ({ url, headers }, _reply, payload) => {
    const computation = computationInPath(url);
    if (computation === undefined) return;
    ctx.gauges.bytes(computation, "received", Number(headers["content-length"] ?? 0));
    const isBody = typeof payload === "string" || payload instanceof Uint8Array;
    ctx.gauges.bytes(computation, "sent", isBody ? Buffer.byteLength(payload) : 0);
  });
  async function pageFor(member: string, computation: string, query: Static<typeof MailboxQuery>) {
    const until = ctx.clock() + Math.min(query.waitMs, ctx.services.config().limits.longPollMs);
    // The role may be about to start: its documents are on their way, or the node has just come back.
    const mailbox = await roles.mailbox(computation, until - ctx.clock());
    const page = await mailbox?.read(member, query, until - ctx.clock());
    return page === undefined ? { ...NO_PAGE, messages: [] } : { ...page, messages: [...page.messages] };
  }

  app.post(
    "/peer/v1/computations/:computation/receiver-key",
    {
      bodyLimit: LARGEST.word,
      schema: {
        params: ComputationParameters,
        body: ReceiverKeyRequest,
        response: { 200: ReceiverKeyAnswer, ...problems },
      },
    },
    async ({ params, author, body }) => await receiverKeyFor(ctx, author, { ...params, ...body }),
  );
  app.post(
    "/peer/v1/computations/:computation/documents",
    {
      schema: {
        params: ComputationParameters,
        body: CoordinatorDossierSchema,
        response: { 200: Accepted, ...problems },
      },
    },
    async ({ params, author, body }) => {
      await takeDocuments(ctx, author, params.computation, body as unknown as CoordinatorDossier);
      await roles.startRoles(params.computation);
      return accepted;
    },
  );
  app.post(
    "/peer/v1/computations/:computation/dossier",
    { schema: { params: ComputationParameters, body: DossierSchema, response: { 200: Accepted, ...problems } } },
    async ({ params, author, body }) => {
      await takeDossier(ctx, author, params.computation, body as unknown as Dossier);
      await roles.startRoles(params.computation);
      return accepted;
    },
  );
  app.post(
    "/peer/v1/computations/:computation/messages",
    {
      schema: {
        params: ComputationParameters,
        querystring: MessagesQuery,
        body: ProtocolMessage,
        response: { 200: AcceptedOrPage, ...problems },
      },
      config: { longPoll: true },
    },
    async (request, reply) => {
      const { params, author, body, headers, query } = request;
      await ofCohort(ctx, params.computation, author);
      const held = await roles.deliver(author, params.computation, body, Number(headers["content-length"] ?? 0));
      const { epoch, after, waitMs } = query;
      if (epoch === undefined || after === undefined || waitMs === undefined) return { ...accepted, ...held };
      // What was done is written down before anything is waited for.
      await app.logAccess(request, reply.statusCode);
      return await pageFor(author, params.computation, { epoch, after, waitMs });
    },
  );
  app.put(
    "/peer/v1/computations/:computation/contributions/:phase/:member/:index",
    {
      bodyLimit: LARGEST.chunk,
      schema: { params: ChunkParameters, response: { 200: AcceptedMessage, ...problems } },
      config: { binary: true },
    },
    async ({ params, author, body }) => {
      const { computation, member, index } = params;
      await ofCohort(ctx, computation, author);
      if (member !== author) {
        throw new ComputationError(
          "ERR_COMPUTATION_FORBIDDEN",
          `member: ${author} sends its own chunks, not ${member}'s`,
        );
      }
      const words = body instanceof Uint8Array ? body : new Uint8Array();
      const chunk = { phase: phaseOf(params), index, words };
      return { ...accepted, ...(await roles.deliverChunk(author, computation, chunk)) };
    },
  );
  app.get(
    "/peer/v1/computations/:computation/contributions/:phase/:member/:index",
    { schema: { params: ChunkParameters, response: { 200: Type.Unsafe<Uint8Array>({}), ...problems } } },
    async ({ params, author }, reply) => {
      const words = await chunkFor(ctx, author, { ...params, phase: phaseOf(params) });
      return reply.type("application/octet-stream").send(Buffer.from(words.buffer, words.byteOffset, words.byteLength));
    },
  );
  app.get(
    "/peer/v1/computations/:computation/sums/:index",
    { schema: { params: SumParameters, response: { 200: Type.Unsafe<Uint8Array>({}), ...problems } } },
    async ({ params, author }, reply) => {
      await ofReceiver(ctx, author, params.computation);
      const sum = await roles.sumOf(params.computation, params.index);
      return reply.type("application/octet-stream").send(Buffer.from(sum.buffer, sum.byteOffset, sum.byteLength));
    },
  );
  app.get(
    "/peer/v1/computations/:computation/mailbox",
    {
      schema: {
        params: ComputationParameters,
        querystring: MailboxQuery,
        response: { 200: MailboxPageSchema, ...problems },
      },
      config: { accessLog: false, longPoll: true },
    },
    async ({ params, author, query }) => {
      await ofCohort(ctx, params.computation, author);
      return await pageFor(author, params.computation, query);
    },
  );
  app.get(
    "/peer/v1/computations/:computation/witnessed",
    { schema: { params: ComputationParameters, response: { 200: WitnessedStatements, ...problems } } },
    async ({ params, author }) => {
      await ofCohort(ctx, params.computation, author);
      const { statements, ...rest } = await witnessedOf(ctx, params.computation, author);
      return { statements: [...statements], ...rest };
    },
  );
  app.post(
    "/peer/v1/computations/:computation/transcript",
    { schema: { params: ComputationParameters, body: TranscriptSchema, response: { 200: Accepted, ...problems } } },
    async ({ params, author, body }) => {
      await roles.deliverTranscript(author, params.computation, body as unknown as Transcript);
      return accepted;
    },
  );
  app.post(
    "/peer/v1/results/:computation",
    {
      bodyLimit: LARGEST.word,
      schema: { params: ComputationParameters, body: ResultRequest, response: { 200: SealedResult, ...problems } },
    },
    async ({ params, author, body }) => {
      const opened = await ctx.facts.opened(params.computation);
      if (opened?.requester !== author) {
        throw new ComputationError("ERR_COMPUTATION_FORBIDDEN", `computation ${params.computation}: not ${author}'s`);
      }
      await untilEnded(ctx, opened.body.request);
      const { evidence } = await ownResult(ctx, params.computation);
      if ((await ctx.stores.evidence.get(params.computation)) === undefined) {
        await ctx.stores.evidence.put(params.computation, evidence);
      }
      return { sealed: await sealTo(body, evidence, ctx.services.random) };
    },
  );
}

/** The requester's replica may have the release before this node's own. */
async function untilEnded(ctx: Context, request: string): Promise<void> {
  const life = (await ctx.stores.lives.get(request))?.life;
  if (life !== undefined && !isOver(life)) await ctx.moved.wait(request, BEHIND_MS);
}

const phaseOf = ({ phase }: { readonly phase: string }): 1 | 2 => (phase === "1" ? 1 : 2);

/** R redoes the sum of phase 2 from them: masked words of the members that close-2 names, until the computation is over. */
async function chunkFor(
  ctx: Context,
  author: string,
  { computation, ...place }: ChunkPlace & { readonly computation: string },
): Promise<Uint8Array> {
  await ofReceiver(ctx, author, computation);
  if (place.phase !== 2) {
    throw new ComputationError("ERR_COMPUTATION_FORBIDDEN", `computation ${computation}: no chunks of phase 1`);
  }
  const closed2 = await readComputationStep(ctx.services.ledger, computation, "close-2");
  const words = closed2?.members.includes(place.member)
    ? ctx.stores.contributions.get(chunkId(computation, place))
    : undefined;
  if (words !== undefined) return words;
  throw new ComputationError("ERR_COMPUTATION_UNKNOWN", `chunk ${place.index} of ${place.member}: not kept here`);
}

async function ofReceiver(ctx: Context, author: string, computation: string): Promise<void> {
  const opened = await ctx.facts.opened(computation);
  if (author === opened?.body.receiver && opened.body.coordinator === ctx.services.member) return;
  throw new ComputationError("ERR_COMPUTATION_FORBIDDEN", `computation ${computation}: no chunks for ${author}`);
}

async function ofCohort(ctx: Context, computation: string, author: string): Promise<void> {
  const opened = await ctx.facts.opened(computation);
  if (opened === undefined) {
    throw new RequestError("ERR_REQUEST_UNREACHABLE", `computation ${computation}: not on this node's replica yet`);
  }
  if (opened.body.cohort.some(({ member }) => member === author)) return;
  throw new ComputationError("ERR_COMPUTATION_FORBIDDEN", `computation ${computation}: ${author} is not in its cohort`);
}

/** Kept apart by author, so that nobody blocks another's; from the opening on they must be the ones opened. */
async function takeDocuments(
  ctx: Context,
  author: string,
  computation: string,
  received: CoordinatorDossier,
): Promise<void> {
  const opened = await ctx.facts.opened(computation);
  if (opened !== undefined) {
    if (opened.requester !== author || opened.body.coordinator !== ctx.services.member) {
      throw new ComputationError(
        "ERR_COMPUTATION_FORBIDDEN",
        `computation ${computation}: not ${author}'s to hand over`,
      );
    }
    checkDocuments(received.documents, opened.body);
  }
  await ctx.unopened.keep("documents", author, computation, received);
}
