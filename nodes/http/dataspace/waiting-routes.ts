/**
 * For members that take no calls: what waits for them, and letters they hand in (decision 402). And the document that
 * an offer's data request names, for the providers of that request.
 */
import { Type } from "typebox";
import { Uuid } from "../../../chaincode/rules/vocabulary.ts";
import { closed } from "../../../policies/model/vocabulary.ts";
import { unknownProcess } from "../../dataspace/dataspace-error.ts";
import type { PostOffice } from "../../dataspace/post-office.ts";
import type { HttpApp } from "../http-app.ts";
import { answerErrorAs } from "./answer-error.ts";

const LETTERS_BYTES = 8 * 1024 * 1024;
const MAX_WAIT_MS = 5_000;

export interface WaitingPorts {
  readonly office: Pick<PostOffice, "serve" | "alongWith">;
  /** Undefined for whoever is not a provider of that request. */
  readonly documentFor: (provider: string, request: string) => Promise<object | undefined>;
}

const Body = closed({
  letters: Type.Array(Type.Unknown(), { maxItems: 512 }),
  waitMs: Type.Integer({ minimum: 0, maximum: MAX_WAIT_MS }),
});

export function addWaitingRoutes(app: HttpApp, { office, documentFor }: WaitingPorts): void {
  app.setErrorHandler(answerErrorAs("ContractNegotiationError"));
  app.post(
    "/waiting",
    { bodyLimit: LETTERS_BYTES, config: { public: true, longPoll: true }, schema: { body: Body } },
    async ({ author, body }) => ({ letters: await office.serve(author, body.letters, body.waitMs) }),
  );
  app.get(
    "/requests/:request",
    { config: { public: true }, schema: { params: closed({ request: Uuid }) } },
    async ({ author, params }) => {
      const document = await documentFor(author, params.request);
      if (document === undefined) throw unknownProcess();
      return document;
    },
  );
}
