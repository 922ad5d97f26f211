/** The routes of one protocol, both roles: what a path takes follows from the table of paths, who may say it from the state. */
import { type Static, Type } from "typebox";
import type { ProcessDocument, Protocol } from "../../../exchange/protocol/protocol.ts";
import type { Processes } from "../../dataspace/processes.ts";
import type { HttpApp } from "../http-app.ts";
import { answerErrorAs } from "./answer-error.ts";

const MESSAGE_BYTES = 1024 * 1024;
const Pid = Type.Object({ pid: Type.String({ minLength: 1, maxLength: 200 }) });
/** Messages are judged by the protocol's own parser; the caller's signature is that of `Authorization`. */
const config = { public: true };

export function addProcessRoutes<D extends ProcessDocument, M extends { readonly "@type": string }>(
  app: HttpApp,
  protocol: Protocol<D, M>,
  processes: Pick<Processes<D, M>, "takeFirst" | "take" | "show">,
): void {
  app.setErrorHandler(answerErrorAs(protocol.error));
  const { first, later } = protocol.paths;
  const options = { bodyLimit: MESSAGE_BYTES, config, schema: { body: Type.Unknown() } };
  for (const [type, path] of Object.entries<string>(first as Record<string, string>)) {
    app.post(`/${protocol.collection}/${path}`, options, async ({ author, body }, reply) =>
      reply.code(201).send(protocol.answer(await processes.takeFirst(author, body, type))),
    );
  }
  const withPid = { ...options, schema: { ...options.schema, params: Pid } };
  for (const [type, path] of Object.entries<string>(later as Record<string, string>)) {
    app.post(`/${protocol.collection}/:pid/${path}`, withPid, async ({ author, body, params }) => {
      const { pid } = params as Static<typeof Pid>;
      return protocol.answer(await processes.take(author, pid, body, type));
    });
  }
  app.get(`/${protocol.collection}/:pid`, { config, schema: { params: Pid } }, async ({ author, params }) =>
    protocol.answer(await processes.show(author, params.pid)),
  );
}
