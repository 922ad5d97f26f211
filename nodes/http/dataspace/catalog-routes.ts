/** The catalogue of this participant: pages with `Link`, gzip for whoever takes it, one dataset by its id. */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import {
  catalogDocuments,
  type DataService,
  datasetDocument,
  isCatalogRequest,
} from "../../../exchange/catalog/dcat.ts";
import { type CatalogFilter, parseFilter } from "../../../exchange/catalog/filter.ts";
import { gzipOf, type PackedText } from "../../../exchange/catalog/packed-text.ts";
import { problemLine } from "../../../policies/model/problem.ts";
import { DataspaceError, unknownProcess } from "../../dataspace/dataspace-error.ts";
import type { HttpApp } from "../http-app.ts";
import { answerErrorAs } from "./answer-error.ts";
import { createReusedBuffers, type ReusedBuffers } from "./reused-buffers.ts";

const REQUEST_BYTES = 64 * 1024;
const MAX_REASONS = 16;
const unpack = promisify(gunzip);

const CatalogPlace = Type.Object({
  /** Ids of the last dataset of the page before, or the first of the page after. */
  after: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  before: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
});
export type CatalogPlace = Static<typeof CatalogPlace>;
const DatasetId = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });

export interface CatalogPage {
  /** Packed datasets (see dcat.ts), ascending by id. */
  readonly datasets: readonly PackedText[];
  readonly previous?: CatalogPlace;
  readonly next?: CatalogPlace;
}

export interface CatalogPorts {
  readonly participant: string;
  readonly service: DataService;
  /** What this participant may see of what the filter wants. */
  readonly page: (participant: string, filter: readonly CatalogFilter[], place: CatalogPlace) => Promise<CatalogPage>;
  /** A packed dataset that this participant may see. */
  readonly dataset: (participant: string, id: string) => Promise<PackedText | undefined>;
}

export function addCatalogRoutes(app: HttpApp, ports: CatalogPorts): void {
  app.setErrorHandler(answerErrorAs("CatalogError"));
  const config = { public: true };
  const { participant, service } = ports;
  const buffers = createReusedBuffers();
  const documentOf = catalogDocuments({ id: `${service.endpointURL}/catalog`, participant, service });
  app.post(
    "/catalog/request",
    { bodyLimit: REQUEST_BYTES, config, schema: { body: Type.Unknown(), querystring: CatalogPlace } },
    async (request, reply) => {
      const { author, body, query, url } = request;
      if (!isCatalogRequest(body)) throw refused("message-malformed", ["wanted a CatalogRequestMessage"]);
      const { after, before } = query;
      if (after !== undefined && before !== undefined) throw refused("place-ambiguous", ["after, before: wanted one"]);
      const parsed = parseFilter(body.filter ?? []);
      if ("problems" in parsed)
        throw refused("filter-unsupported", parsed.problems.slice(0, MAX_REASONS).map(problemLine));
      const page = await ports.page(author, parsed.filter, query);
      const [path] = url.split("?", 1);
      const links = (["next", "previous"] as const).flatMap((rel) => {
        const place = page[rel];
        return place === undefined ? [] : [`<${path}?${new URLSearchParams(place)}>; rel="${rel}"`];
      });
      if (links.length > 0) reply.header("link", links.join(", "));
      return await sendPacked(request, reply, documentOf(page.datasets), buffers);
    },
  );
  app.get("/catalog/datasets/:id", { config, schema: { params: DatasetId } }, async (request, reply) => {
    const dataset = await ports.dataset(request.author, request.params.id);
    if (dataset === undefined) throw unknownProcess();
    return await sendPacked(request, reply, datasetDocument(dataset), buffers);
  });
}

const refused = (code: string, reasons: readonly string[]) =>
  new DataspaceError("ERR_DATASPACE_MESSAGE", { code, reasons });

async function sendPacked(
  request: FastifyRequest,
  reply: FastifyReply,
  document: readonly PackedText[],
  buffers: ReusedBuffers,
): Promise<FastifyReply> {
  reply.type("application/json; charset=utf-8").header("vary", "accept-encoding");
  if (!takesGzip(String(request.headers["accept-encoding"] ?? ""))) return reply.send(await unpack(gzipOf(document)));
  const bytes = gzipOf(document, buffers.take);
  // All of it was handed on. A caller that hung up leaves it to the collector.
  reply.raw.once("finish", () => buffers.giveBack(bytes));
  return reply.header("content-encoding", "gzip").send(bytes);
}

/** RFC 9110 section 12.5.3, as far as it is about gzip. */
const takesGzip = (accepted: string): boolean =>
  accepted.split(",").some((one) => {
    const [coding = "", ...parameters] = one.split(";").map((part) => part.trim().toLowerCase());
    return coding === "gzip" && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
