import { Type } from "typebox";
import { closed } from "../../../../chaincode/rules/vocabulary.ts";
import { problemsOf } from "../../../../exchange/requests/validate.ts";
import type { Context } from "../../../computations/context.ts";
import type { HttpApp } from "../../http-app.ts";
import { judgedLater } from "../../openapi.ts";
import { FieldError, spoken } from "../../problem.ts";
import { problems } from "../../schemas.ts";
import { Draft, metadataInTime } from "./submit.ts";

const NO_ID = "00000000-0000-4000-8000-000000000000";

/** Judges a draft with its form without filing it. */
export function checkRequest(app: HttpApp, ctx: Context): void {
  app.post(
    "/api/v1/requests/check",
    {
      schema: {
        summary: "Everything that a draft of a request and its form lack, at once; files nothing",
        body: judgedLater(Draft),
        response: { 200: closed({ ok: Type.Boolean(), problems: Type.Array(FieldError) }), ...problems },
      },
      config: { readOnlySafe: true },
    },
    async ({ body }) => {
      const { catalogue, member, now } = ctx.services;
      const isObject = typeof body === "object" && body !== null && !Array.isArray(body);
      const draft = isObject ? { id: NO_ID, ...body, requester: member, createdAt: now() } : body;
      const found = await problemsOf(draft, {
        directory: ctx.facts,
        metadata: (asset) => metadataInTime(catalogue, asset),
        now: now(),
        wantsForm: true,
      });
      return { ok: found.length === 0, problems: found.map(spoken) };
    },
  );
}
