import { setTimeout as sleep } from "node:timers/promises";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { closed, Uuid } from "../../../../chaincode/rules/vocabulary.ts";
import { digestOf } from "../../../../crypto/suites/digest.ts";
import { type RequestDraft, type SubmitPorts, submitRequest } from "../../../../exchange/requests/submit.ts";
import type { Asset } from "../../../../policies/model/asset.ts";
import { DataRequest } from "../../../../policies/model/request.ts";
import { earlierAnswer } from "../../../computations/cached-answer.ts";
import type { Context } from "../../../computations/context.ts";
import { rememberDraft, runningRequest } from "../../../computations/running-request.ts";
import type { Catalogue } from "../../../runtime/assets/catalogue.ts";
import type { HttpApp } from "../../http-app.ts";
import { HttpError } from "../../http-error.ts";
import { judgedLater } from "../../openapi.ts";
import { problems } from "../../schemas.ts";

const METADATA_WAIT_MS = 2_000;

const Submitted = closed({ id: Uuid, cached: Type.Boolean(), running: Type.Boolean(), recorded: Type.Boolean() });
type Answer = Partial<Static<typeof Submitted>> & { readonly id: string };
const NOT_FILED = { cached: false, running: false, recorded: true } as const;

const { requester: _requester, createdAt: _createdAt, id, ...fields } = DataRequest.properties;
/** What a person fills in. */
export const Draft = closed({ ...fields, id: Type.Optional(id) });
const draftCheck = Compile(Draft);

/** The draft is judged by the use case, which lists every problem at once. */
export function submit(app: HttpApp, ctx: Context): void {
  app.post(
    "/api/v1/requests",
    {
      schema: {
        summary:
          "Files a data request; `cached` when an identical one was released before and answers it, `running` when the same draft was filed before and is not over, `recorded: false` while the ledger cannot be reached",
        body: judgedLater(Draft),
        response: { 201: Submitted, ...problems },
      },
    },
    async (request, reply) => {
      const { body } = request;
      if (typeof body !== "object" || body === null || Array.isArray(body)) {
        throw new HttpError("ERR_HTTP_INVALID", "body: expected a data request as a JSON object", {
          problems: [{ field: "body", code: "body-not-object", parameters: {} }],
        });
      }
      const draft = body as RequestDraft;
      // Something malformed is told so, although what it asks was answered before.
      if (!draftCheck.Check(draft)) return reply.code(201).send({ ...NOT_FILED, ...(await file(ctx, draft)) });
      // A caller that lost patience sends the same again while the first is still on its way to the ledger.
      const answer = await ctx.shared(`draft/${digestOf(draft)}`, () => answerTo(ctx, draft));
      return reply.code(201).send({ ...NOT_FILED, ...answer });
    },
  );
}

async function answerTo(ctx: Context, draft: RequestDraft): Promise<Answer> {
  const earlier = await earlierAnswer(ctx, draft);
  if (earlier !== undefined) return { id: earlier, cached: true };
  const running = await runningRequest(ctx, draft);
  if (running !== undefined) return { id: running, running: true };
  if (draft.id !== undefined) return await file(ctx, draft);
  // First: after a crash in between, the same draft again must find what was filed.
  return await file(ctx, draft, (id) => rememberDraft(ctx, draft, id));
}

const file = (ctx: Context, draft: RequestDraft, beforeStored: SubmitPorts["beforeStored"] = async () => undefined) =>
  submitRequest(
    {
      beforeStored,
      ...ctx.party,
      directory: ctx.facts,
      stores: ctx.stores,
      metadata: (asset) => metadataInTime(ctx.services.catalogue, asset),
    },
    draft,
  );

/** An entry that does not come at once leaves the elements to the providers: filing must not wait for the operator. */
export async function metadataInTime(catalogue: Pick<Catalogue, "find">, asset: string): Promise<Asset | undefined> {
  const waited = new AbortController();
  const late = sleep(METADATA_WAIT_MS, undefined, { signal: waited.signal }).catch(() => undefined);
  try {
    return (await Promise.race([catalogue.find(asset), late]))?.statement.asset;
  } catch {
    return undefined;
  } finally {
    waited.abort();
  }
}
