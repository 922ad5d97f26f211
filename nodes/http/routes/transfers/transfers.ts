/** Transfers of records: start one, see it, hold or end it, fetch what it brings. */
import { type Static, Type } from "typebox";
import { AssetId, Count, closed, Instant, literals, MemberId, Text } from "../../../../chaincode/rules/vocabulary.ts";
import type { MessageOffer } from "../../../../exchange/negotiation/messages.ts";
import { causeOf } from "../../../../exchange/protocol/vocabulary.ts";
import { Declaration, offeredPolicy } from "../../../../exchange/transfers/declaration.ts";
import { PULL } from "../../../../exchange/transfers/formats.ts";
import { TRANSFER_STATES } from "../../../../exchange/transfers/messages.ts";
import { termsOfPolicy } from "../../../../exchange/transfers/release-agreement.ts";
import { RELEASE_FORMATS } from "../../../../policies/model/operands.ts";
import type { DataPlane } from "../../../transfers/data-plane.ts";
import type { HttpApp } from "../../http-app.ts";
import { Done, problems, ReasonBody } from "../../schemas.ts";

/** NEGOTIATING and REFUSED (the agreement or the request was not taken) are ours; the others are those of the protocol. */
const STATES = ["NEGOTIATING", "REFUSED", ...TRANSFER_STATES] as const;

const TransferView = closed({
  transfer: Text,
  role: literals(["consumer", "provider"]),
  peer: MemberId,
  state: literals(STATES),
  /** The word of whoever refused, stopped or ended it; of what is being sent, why the latest try came to nothing. */
  reason: Type.Optional(Type.String({ maxLength: 256 })),
  details: Type.Optional(Type.Array(Type.String({ maxLength: 1000 }), { maxItems: 16 })),
  asset: Type.Optional(AssetId),
  format: Type.Optional(Type.String({ maxLength: 512 })),
  agreement: Type.Optional(Text),
  validUntil: Type.Optional(Instant),
  declared: Type.Optional(Declaration),
  /** What this side has asked for and the other has not acknowledged yet. */
  becoming: Type.Optional(literals(TRANSFER_STATES)),
  /** Push, consumer: what has arrived. */
  received: Type.Optional(closed({ bytes: Count, of: Type.Optional(Count), complete: Type.Boolean() })),
  startedAt: Type.Optional(Instant),
});
export type TransferView = Static<typeof TransferView>;

const ReceivedView = closed({
  transfer: Text,
  /** Bytes on disk; `of`: as announced. */
  bytes: Count,
  of: Count,
  complete: Type.Boolean(),
  peer: Type.Optional(MemberId),
  asset: Type.Optional(AssetId),
  /** As declared when it was asked for. */
  retentionDays: Type.Optional(Count),
});
export type ReceivedView = Static<typeof ReceivedView>;

const Id = closed({ transfer: Type.String({ minLength: 1, maxLength: 200 }) });

export function addTransferApi(app: HttpApp, plane: DataPlane): void {
  app.post(
    "/api/v1/transfers",
    {
      schema: {
        summary: "Asks a provider for records of an asset: under an agreement that stands, else negotiated first",
        body: closed({
          asset: AssetId,
          format: Type.Optional(literals(RELEASE_FORMATS)),
          ...Type.Partial(Declaration).properties,
        }),
        response: { 200: TransferView, ...problems },
      },
    },
    async ({ body: { asset, format = PULL, ...declared } }) => {
      const id = await plane.begin({ asset, format, declared });
      return await viewOf(plane, id);
    },
  );
  app.get(
    "/api/v1/transfers",
    {
      schema: {
        summary: "Transfers of records of this node, as consumer and as provider",
        response: { 200: closed({ transfers: Type.Array(TransferView) }), ...problems },
      },
    },
    async () => {
      const transfers: TransferView[] = [];
      // One after the other: they may be many, and each is several reads.
      for (const id of await plane.list()) transfers.push(await viewOf(plane, id));
      return { transfers };
    },
  );
  app.get(
    "/api/v1/transfers/:transfer",
    { schema: { summary: "Where a transfer stands", params: Id, response: { 200: TransferView, ...problems } } },
    async ({ params }) => await viewOf(plane, params.transfer),
  );
  app.get(
    "/api/v1/transfers/:transfer/data",
    {
      exposeHeadRoute: false,
      schema: {
        summary: "The records as CSV, from the provider; Range with If-Range goes on where a delivery was cut off",
        params: Id,
        response: {
          "2xx": { description: "Records", content: { "text/csv": { schema: Type.String() } } },
          ...problems,
        },
      },
    },
    async ({ params, headers, raw }, reply) => {
      const hungUp = new AbortController();
      reply.raw.once("close", () => hungUp.abort());
      raw.once("aborted", () => hungUp.abort());
      const conditions = {
        range: headers.range,
        ifRange: headers["if-range"] as string | undefined,
        ifMatch: headers["if-match"] as string | undefined,
      };
      const { status, headers: told, body } = await plane.fetch(params.transfer, conditions, hungUp.signal);
      // Sent as it is: what it holds is the provider's to say.
      return await reply
        .code(status)
        .headers(told)
        .send(body as never);
    },
  );
  app.get(
    "/api/v1/received",
    {
      schema: {
        summary: "Files that providers have sent to this node and that lie on its disk",
        response: { 200: closed({ files: Type.Array(ReceivedView) }), ...problems },
      },
    },
    async () => ({
      files: await Promise.all(
        (await plane.received()).map(async ({ pid, held, bytes, isComplete }) => {
          const { peer, asset, declared } = await viewOf(plane, pid).catch(() => NOTHING_KNOWN);
          return {
            ...{ transfer: pid, bytes: held, of: bytes, complete: isComplete },
            ...(peer === undefined ? {} : { peer }),
            ...(asset === undefined ? {} : { asset }),
            ...(declared === undefined ? {} : { retentionDays: declared.retentionDays }),
          };
        }),
      ),
    }),
  );
  app.post(
    "/api/v1/received/:transfer/erase",
    {
      schema: {
        summary: "Erases the file that a transfer which is over has brought",
        params: Id,
        body: closed({}),
        response: { 200: Done, ...problems },
      },
    },
    async ({ params }) => {
      await plane.eraseReceived(params.transfer);
      return { done: true as const };
    },
  );
  for (const [verb, become, summary] of VERBS) {
    app.post(
      `/api/v1/transfers/:transfer/${verb}`,
      {
        schema: {
          summary,
          params: Id,
          body: verb === "suspend" || verb === "terminate" ? ReasonBody : closed({}),
          response: { 200: Done, ...problems },
        },
      },
      async ({ params, body }) => {
        const { reason } = body as { reason?: string };
        await plane.wish(params.transfer, become, reason === undefined ? undefined : causeOf(reason));
        return { done: true as const };
      },
    );
  }
}

const VERBS = [
  ["suspend", "SUSPENDED", "Holds a transfer: nothing moves until it is resumed"],
  ["resume", "STARTED", "Lets a suspended transfer go on"],
  ["complete", "COMPLETED", "Says that everything wanted has arrived"],
  ["terminate", "TERMINATED", "Ends a transfer for good, with its cause"],
] as const;

/** Of a file whose transfer is not known any more. */
const NOTHING_KNOWN: Partial<TransferView> = Object.freeze({});

/** The provider's steward decides, as the offer says. */
const isLeftToSteward = (offer: MessageOffer): boolean =>
  termsOfPolicy(offeredPolicy(offer).policy)?.approval === "steward";

async function viewOf(plane: DataPlane, id: string): Promise<TransferView> {
  const { asked, kept, negotiation, agreement, agreed, received, wish, failed } = await plane.view(id);
  const document = kept?.side.document;
  const refusal = document === undefined ? (kept?.refusal ?? negotiation?.refusal) : undefined;
  const ended = negotiation?.side.document?.termination;
  const isRefused = refusal !== undefined || ended !== undefined || asked?.refusal !== undefined;
  const state = document?.state ?? (isRefused ? "REFUSED" : "NEGOTIATING");
  const ending = refusal?.code ?? ended?.code ?? asked?.refusal;
  const waits =
    asked !== undefined && negotiation?.side.document?.state === "REQUESTED" && isLeftToSteward(asked.offer);
  const reason =
    document === undefined
      ? (ending ?? (waits ? "approval-pending" : undefined))
      : (document.stopped?.code ?? failed?.code);
  const details = (
    refusal?.reasons ??
    document?.stopped?.reason ??
    ended?.reason ??
    (failed === undefined ? [] : [failed.detail])
  ).map((one) => (typeof one === "string" ? one : JSON.stringify(one)).slice(0, 1000));
  const asset = asked?.asset ?? agreed?.target;
  const format = document?.format ?? asked?.format;
  const declared = asked?.declaration ?? agreed?.["sealane:declared"];
  return {
    transfer: id,
    role: kept?.side.role ?? "consumer",
    peer: kept?.peer ?? asked?.provider ?? plane.member,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(details.length === 0 ? {} : { details: details.slice(0, 16) }),
    ...(asset === undefined ? {} : { asset }),
    ...(format === undefined ? {} : { format }),
    ...(agreement === undefined ? {} : { agreement }),
    ...(agreed === undefined ? {} : { validUntil: agreed["sealane:validUntil"] }),
    ...(declared === undefined ? {} : { declared }),
    ...(wish === undefined ? {} : { becoming: wish.become }),
    ...(received === undefined
      ? {}
      : {
          received: {
            bytes: received.held,
            ...("bytes" in received && received.bytes !== undefined ? { of: received.bytes } : {}),
            complete: received.isComplete,
          },
        }),
    ...(asked === undefined ? {} : { startedAt: asked.at }),
  };
}
