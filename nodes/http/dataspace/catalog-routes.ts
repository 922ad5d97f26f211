/** The catalogue of this participant: pages with `Link`, gzip for whoever takes it, one dataset by its id. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import {
  catalogDocument,
  type DataService,
  type Dataset,
  datasetDocument,
  isCatalogRequest,
} from "../../../exchange/catalog/dcat.ts";
import { DataspaceError, unknownProcess } from "../../dataspace/dataspace-error.ts";
import type { HttpApp } from "../http-app.ts";
import { answerErrorAs } from "./answer-error.ts";

export const PAGE_SIZE = 100;
const REQUEST_BYTES = 64 * 1024;
const SMALL_BYTES = 1024;
const compress = promisify(gzip);

const Place = Type.Object({
  /** Ids of the last dataset of the page before, or the first of the page after. */
  after: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  before: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
});
type Place = Static<typeof Place>;
const DatasetId = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });

export interface CatalogPage {
  /** Ascending by id. */
  readonly datasets: readonly Dataset[];
  readonly hasPrevious: boolean;
  readonly hasNext: boolean;
}

export interface CatalogPorts {
  readonly participant: string;
  readonly service: DataService;
  /** What this participant may see. */
  readonly page: (participant: string, place: Place, size: number) => Promise<CatalogPage>;
  readonly dataset: (participant: string, id: string) => Promise<Dataset | undefined>;
}

export function addCatalogRoutes(app: HttpApp, ports: CatalogPorts): void {
  app.setErrorHandler(answerErrorAs("CatalogError"));
  const config = { public: true };
  app.post(
    "/catalog/request",
    { bodyLimit: REQUEST_BYTES, config, schema: { body: Type.Unknown(), querystring: Place } },
    async (request, reply) => {
      if (!isCatalogRequest(request.body)) throw refused("message-malformed", "wanted a CatalogRequestMessage");
      if ((request.body.filter ?? []).length > 0) throw refused("filter-unsupported", "no filter is supported here");
      const { datasets, hasNext, hasPrevious } = await ports.page(request.author, request.query, PAGE_SIZE);
      const [path] = request.url.split("?", 1);
      const links = [
        hasNext ? `<${path}?after=${encodeURIComponent(datasets.at(-1)!["@id"])}>; rel="next"` : [],
        hasPrevious ? `<${path}?before=${encodeURIComponent(datasets[0]!["@id"])}>; rel="previous"` : [],
      ].flat();
      if (links.length > 0) reply.header("link", links.join(", "));
      const { participant, service } = ports;
      return await sendPacked(
        request,
        reply,
        catalogDocument({ id: `${service.endpointURL}/catalog`, participant, service, datasets }),
      );
    },
  );
  app.get("/catalog/datasets/:id", { config, schema: { params: DatasetId } }, async (request, reply) => {
    const dataset = await ports.dataset(request.author, request.params.id);
    if (dataset === undefined) throw unknownProcess();
    return await sendPacked(request, reply, datasetDocument(dataset));
  });
}

const refused = (code: string, reason: string) =>
  new DataspaceError("ERR_DATASPACE_MESSAGE", { code, reasons: [reason] });

async function sendPacked(request: FastifyRequest, reply: FastifyReply, document: object): Promise<FastifyReply> {
  const text = JSON.stringify(document);
  reply.type("application/json; charset=utf-8").header("vary", "accept-encoding");
  if (!takesGzip(String(request.headers["accept-encoding"] ?? "")) || text.length < SMALL_BYTES)
    return reply.send(text);
  return reply.header("content-encoding", "gzip").send(await compress(text));
}

/** RFC 9110 section 12.5.3, as far as it is about gzip. */
const takesGzip = (accepted: string): boolean =>
  accepted.split(",").some((one) => {
    const [coding = "", ...parameters] = one.split(";").map((part) => part.trim().toLowerCase());
    return coding === "gzip" && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
