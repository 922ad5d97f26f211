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
  ERR_DATASPACE_NOT_YET: 503,
  ERR_DATASPACE_BUSY: 429,
});

/** A refusal as status and body. Undefined for what is no refusal of this protocol. */
export const refusalOf = (type: ErrorType, error: unknown) =>
  error instanceof DataspaceError
    ? { status: STATUS[error.code], body: errorDocument(type, error.said, error.pids) }
    : undefined;

/** An error handler that answers with this type of body. */
export const answerErrorAs =
  (type: ErrorType) =>
  (error: unknown, request: FastifyRequest, reply: FastifyReply): unknown => {
    const refusal = refusalOf(type, error);
    if (refusal !== undefined) {
      request.log.info({ code: refusal.body.code, route: request.routeOptions?.url }, "message refused");
      if (refusal.status === 429) reply.header("retry-after", "60");
      return reply.code(refusal.status).send(refusal.body);
    }
    const { status, code, detail } = problemOf(error);
    const about = { code, method: request.method, route: request.routeOptions?.url };
    if (status >= 500) request.log.error({ ...about, err: error }, "request failed");
    else request.log.info(about, "request refused");
    return reply.code(status).send(errorDocument(type, { code, reasons: detail === undefined ? [] : [detail] }));
  };
