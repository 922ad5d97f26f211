/** Refusals in the words of the Dataspace Protocol (2025-1, "Error Messages"). */
import type { FastifyReply, FastifyRequest } from "fastify";
import { type ErrorType, errorDocument } from "../../../exchange/protocol/error-document.ts";
import { DataspaceError } from "../../dataspace/dataspace-error.ts";
import { problemOf } from "../problem.ts";

const STATUS: Readonly<Record<DataspaceError["code"], number>> = Object.freeze({
  ERR_DATASPACE_UNKNOWN: 404,
  ERR_DATASPACE_MESSAGE: 400,
  ERR_DATASPACE_REFUSED: 400,
  // The one refusal that a repetition can mend.
  ERR_DATASPACE_CROSSED: 409,
});

/** An error handler that answers with this type of body. */
export const answerErrorAs =
  (type: ErrorType) =>
  (error: unknown, request: FastifyRequest, reply: FastifyReply): unknown => {
    if (error instanceof DataspaceError) {
      request.log.info({ code: error.said.code, route: request.routeOptions?.url }, "message refused");
      return reply.code(STATUS[error.code]).send(errorDocument(type, error.said, error.pids));
    }
    const { status, code, detail } = problemOf(error);
    const about = { code, method: request.method, route: request.routeOptions?.url };
    if (status >= 500) request.log.error({ ...about, err: error }, "request failed");
    else request.log.info(about, "request refused");
    return reply.code(status).send(errorDocument(type, { code, reasons: detail === undefined ? [] : [detail] }));
  };
