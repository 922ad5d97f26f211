/**
 * Encrypted queries: the provider puts on record what it answers, before it does. Figures count against their agreement,
 * whatever becomes of the answer, and every answer is a use of the asset.
 */
import { standingAgreement } from "./agreements.ts";
import { takeUse } from "./asset-uses.ts";
import { demand } from "./errors.ts";
import { countAssetUses, countQueries, keys } from "./keys.ts";
import type { AgreementQueriesState, QueryAnswered } from "./records.ts";
import { openRequest } from "./requests.ts";
import { demandParty, type Rule, written } from "./rule.ts";

export const recordAnswer: Rule<"query.answer"> = async (host, author, body) => {
  const { agreement: id, number, figures } = body;
  const { agreement, provider } = await standingAgreement(host, id, "agreement");
  demandParty(author.id, [provider], "agreement");
  const { request, asset, figures: most, maxUses } = agreement;
  demand(
    request !== undefined && most !== undefined,
    "ERR_CONTRACT_AGREEMENT",
    `agreement: ${id} is on no encrypted queries`,
    "agreement",
  );
  await openRequest(host, request, "agreement");
  const before = await countQueries(host.store, id);
  const next = before.answers + 1;
  demand(number === next, "ERR_CONTRACT_RANGE", `number: expected ${next}, got ${number}`, "number");
  demand(
    before.figures + figures <= most,
    "ERR_CONTRACT_AGREEMENT_USED_UP",
    `figures: ${before.figures} of ${most} are answered`,
    "figures",
  );
  const uses = maxUses === undefined ? 0 : await countAssetUses(host.store, asset);
  demand(
    maxUses === undefined || uses < maxUses,
    "ERR_CONTRACT_AGREEMENT_USED_UP",
    `agreement: ${uses} of ${maxUses} uses of ${asset} are spent`,
    "agreement",
  );
  const answered: QueryAnswered = { provider, body, ...written(host) };
  const queries: AgreementQueriesState = { answers: number, figures: before.figures + figures };
  await host.store.put(keys.queryAnswered(id, number), answered);
  await host.store.put(keys.agreementQueries(id), queries);
  await takeUse(host, asset, body.query, maxUses !== undefined);
};
