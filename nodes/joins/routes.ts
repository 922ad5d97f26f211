/** Joins under `peer/v1`, and for the people of the node that asks. */
import { Type } from "typebox";
import {
  Code,
  Count,
  closed,
  Digest,
  Instant,
  KeyId,
  literals,
  MemberId,
  Uuid,
} from "../../chaincode/rules/vocabulary.ts";
import { JOIN_REASONS } from "../../exchange/joins/run.ts";
import { MAX_REQUEST_BYTES } from "../../exchange/requests/validate.ts";
import { JoinGroupFigures, JoinMatched, JoinReleased } from "../../ledger/audit/join-statements.ts";
import { JOIN_OPERATIONS } from "../../policies/model/request.ts";
import type { Context } from "../computations/context.ts";
import type { HttpApp } from "../http/http-app.ts";
import { RequestParameters } from "../http/routes/requests/schemas.ts";
import { problems } from "../http/schemas.ts";
import type { AskedJoin } from "./asked-join.ts";
import { createAsking, type JoinProgress } from "./asking.ts";
import { createHolding } from "./holding.ts";
import { createMatching } from "./matching.ts";
import {
  FRAME_BYTES,
  GetListParameters,
  HolderView,
  MatchAnnouncement,
  MatchView,
  OpenJoin,
  PIECE_BYTES,
  PieceParameters,
  PutListParameters,
  RunParameters,
  Taken,
} from "./messages.ts";
import { demandNamed } from "./named-matcher.ts";

export function createJoins(ctx: Context) {
  const asking = createAsking(ctx);
  const holding = createHolding(ctx);
  const matching = createMatching(ctx);
  return Object.freeze({
    addPeerRoutes: (app: HttpApp) => addPeerRoutes(app, ctx, holding, matching),
    addApi: (app: HttpApp) => addApi(app, asking),
    async start(): Promise<void> {
      await holding.start();
      await asking.start();
    },
    async stop(): Promise<void> {
      await asking.stop();
      await holding.stop();
      await matching.stop();
    },
  });
}

const bytesOf = (body: unknown): Uint8Array => (body instanceof Uint8Array ? body : new Uint8Array());
const Bytes = Type.Unsafe<Uint8Array>({});
const WORD_BYTES = 16 * 1024;

function addPeerRoutes(
  app: HttpApp,
  ctx: Context,
  holding: ReturnType<typeof createHolding>,
  matching: ReturnType<typeof createMatching>,
): void {
  app.post(
    "/peer/v1/joins/:run",
    {
      bodyLimit: WORD_BYTES,
      schema: { params: RunParameters, body: OpenJoin, response: { 200: HolderView, ...problems } },
    },
    async ({ params, author, body }) => await holding.begin(author, params.run, body),
  );
  app.get(
    "/peer/v1/joins/:run",
    { schema: { params: RunParameters, response: { 200: HolderView, ...problems } }, config: { accessLog: false } },
    async ({ params, author }) => await holding.view(author, params.run),
  );
  app.delete(
    "/peer/v1/joins/:run",
    { schema: { params: RunParameters, response: { 200: Taken, ...problems } } },
    async ({ params, author }) => {
      await holding.close(author, params.run);
      return { taken: 0 };
    },
  );
  app.put(
    "/peer/v1/joins/:run/:list/:index",
    {
      bodyLimit: FRAME_BYTES,
      schema: { params: PutListParameters, response: { 200: Taken, ...problems } },
      config: { binary: true, accessLog: false },
    },
    async ({ params: { run, list, index }, author, body }) => ({
      taken: await holding.put(author, run, list, index, bytesOf(body)),
    }),
  );
  app.get(
    "/peer/v1/joins/:run/:list/:index",
    { schema: { params: GetListParameters, response: { 200: Bytes, ...problems } }, config: { accessLog: false } },
    async ({ params: { run, list, index }, author }, reply) => {
      const frame = await holding.get(author, run, list, index);
      return reply.type("application/octet-stream").send(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
    },
  );
  app.post(
    "/peer/v1/matches/:run",
    {
      bodyLimit: MAX_REQUEST_BYTES + WORD_BYTES,
      schema: { params: RunParameters, body: MatchAnnouncement, response: { 200: Taken, ...problems } },
    },
    async ({ params, author, body: { part, request } }) => {
      await demandNamed(ctx, author, params.run, request);
      await matching.announce(author, params.run, part);
      return { taken: 0 };
    },
  );
  app.put(
    "/peer/v1/matches/:run/:index",
    {
      bodyLimit: PIECE_BYTES,
      schema: { params: PieceParameters, response: { 200: Taken, ...problems } },
      config: { binary: true, accessLog: false },
    },
    async ({ params: { run, index }, author, body }) => ({
      taken: await matching.take(author, run, index, bytesOf(body)),
    }),
  );
  app.get(
    "/peer/v1/matches/:run",
    { schema: { params: RunParameters, response: { 200: MatchView, ...problems } }, config: { accessLog: false } },
    async ({ params, author }) => matching.view(author, params.run),
  );
}

const Item = Type.String({ minLength: 1, maxLength: 256 });
const AskedItems = closed({
  items: Type.Array(closed({ item: Item, label: Type.Optional(Code) }), { minItems: 1, maxItems: 1_000_000 }),
});
const ResultView = closed({
  items: Type.Optional(Type.Array(Item)),
  keys: Count,
  groups: Type.Optional(Type.Array(JoinGroupFigures)),
  seed: Type.Optional(Digest),
  matched: Type.Optional(JoinMatched),
});
const JoinView = closed({
  run: KeyId,
  request: Uuid,
  agreement: Uuid,
  number: Type.Integer(),
  operation: literals(JOIN_OPERATIONS),
  asker: MemberId,
  holder: MemberId,
  openedAt: Instant,
  size: Count,
  state: literals(["opened", "committed", "received", "released", "withheld", "failed"]),
  reason: Type.Optional(literals(JOIN_REASONS)),
  release: Type.Optional(JoinReleased),
  progress: Type.Optional(closed({ done: Count, of: Count })),
  result: Type.Optional(ResultView),
});

const viewOf = ({ state, result, ...facts }: AskedJoin, progress: JoinProgress | undefined) => {
  const { name, ...how } = state;
  const { items, groups, ...rest } = result ?? { keys: 0 };
  const shown = { ...rest, ...(items && { items: [...items] }), ...(groups && { groups: [...groups] }) };
  return { ...facts, state: name, ...how, ...(progress && { progress }), ...(result && { result: shown }) };
};

function addApi(app: HttpApp, asking: ReturnType<typeof createAsking>): void {
  app.post(
    "/api/v1/requests/:request/joins",
    {
      bodyLimit: 64 * 2 ** 20,
      schema: {
        summary: "Begins a join of a list with the provider's table; the list stays on this node",
        params: RequestParameters,
        body: AskedItems,
        response: { 202: JoinView, ...problems },
      },
    },
    async ({ params, body }, reply) => {
      const begun = await asking.begin(params.request, body.items);
      return reply.code(202).send(viewOf(begun, asking.progress(begun.run)));
    },
  );
  app.get(
    "/api/v1/requests/:request/joins",
    {
      schema: {
        summary: "Own joins of a request: how far they are, what they gave, and both sides' statements",
        params: RequestParameters,
        response: { 200: closed({ joins: Type.Array(JoinView) }), ...problems },
      },
    },
    async ({ params }) => ({
      joins: (await asking.list(params.request)).map((one) => viewOf(one, asking.progress(one.run))),
    }),
  );
  app.get(
    "/api/v1/requests/:request/joins/evidence",
    {
      schema: {
        summary: "Evidence of own joins of a request: verify it offline with `sealane audit verify`",
        params: RequestParameters,
        response: { 200: Bytes, ...problems },
      },
    },
    async ({ params }, reply) =>
      reply.header("content-type", "application/json").send((await asking.evidence(params.request)) as never),
  );
}
