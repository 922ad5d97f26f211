/** The routes of one protocol, both roles: what a path takes follows from the table of paths, who may say it from the state. */
import { type Static, Type } from "typebox";
import type { ProcessDocument, Protocol } from "../../../exchange/protocol/protocol.ts";
import type { PostOffice } from "../../dataspace/post-office.ts";
import type { Processes } from "../../dataspace/process-ports.ts";
import { ALONG } from "../../dataspace/transport.ts";
import type { HttpApp } from "../http-app.ts";
import { answerErrorAs } from "./answer-error.ts";

const MESSAGE_BYTES = 1024 * 1024;
const Pid = Type.Object({ pid: Type.String({ minLength: 1, maxLength: 200 }) });
/** Messages are judged by the protocol's own parser; the caller's signature is that of `Authorization`. */
const config = { public: true };

/** States in which the consumer has the word and needs nobody else for it. */
const OWN_WORD: readonly string[] = ["OFFERED", "AGREED"];
const NEXT_WORD_MS = 2_000;

export function addProcessRoutes<D extends ProcessDocument, M extends { readonly "@type": string }>(
  app: HttpApp,
  protocol: Protocol<D, M>,
  processes: Pick<Processes<D, M>, "takeFirst" | "take" | "show">,
  /** For callers that take no calls: what this side says next comes with the answer. */
  office?: Pick<PostOffice, "alongWith">,
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
      const document = await processes.take(author, pid, body, type);
      const answer = protocol.answer(document);
      if (office === undefined || !OWN_WORD.includes(document.state)) return answer;
      const letters = await office.alongWith(author, answer, NEXT_WORD_MS);
      return letters.length === 0 ? answer : { ...answer, [ALONG]: letters };
    });
  }
  app.get(`/${protocol.collection}/:pid`, { config, schema: { params: Pid } }, async ({ author, params }) =>
    protocol.answer(await processes.show(author, params.pid)),
  );
}
