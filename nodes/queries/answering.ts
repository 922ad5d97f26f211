/**
 * The provider's side of encrypted queries: what was agreed on, counted; the own cells times lists that nobody here can
 * read; remembered as a release of these cells before the answer leaves.
 */
import { hash } from "node:crypto";
import { HeError } from "../../crypto/he/errors.ts";
import { QUERY_PARAMETERS } from "../../crypto/he/query.ts";
import { firstForbidden, type HistoryEntry } from "../../crypto/secagg/history.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { verifySigned } from "../../crypto/suites/signed.ts";
import { vectorLayout } from "../../exchange/computations/secagg-layout.ts";
import { assertCells, cellsOf, QueryError } from "../../exchange/queries/coefficients.ts";
import { agreementKey } from "../../exchange/requests/agreement-record.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { uuidOf } from "../../exchange/requests/record.ts";
import { compileLayout } from "../../exchange/statistics/compile.ts";
import type { Layout } from "../../exchange/statistics/layout.ts";
import { type LocalStatistics, localStatistics } from "../../exchange/statistics/local.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import type { PolicyTerms } from "../../policies/model/terms.ts";
import { minimumUnitsOf } from "../../policies/rules/counts.ts";
import { needOf } from "../../policies/rules/minima.ts";
import type { Context } from "../computations/context.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import { runQueryTask } from "../he/query.ts";
import { type QueryCall, type QueryReply, seedOf } from "./messages.ts";

/** Of one agreement. */
export interface Answered {
  readonly number: number;
  readonly figures: number;
  /** Digest of the last signed query, which is answered with the same bytes again. */
  readonly query: string;
  readonly reply: QueryReply;
}

export const bytesDigest = (bytes: Uint8Array): string => hash("sha256", bytes, "base64url");

export function createAnswering(ctx: Context) {
  const answered = ctx.services.openStore<Answered>("encrypted-queries");
  const { member: self } = ctx.services;
  const oneAtATime = createKeyedLock();

  async function answer(author: string, request: string, call: QueryCall): Promise<QueryReply> {
    const refuse = (code: RequestError["code"], detail: string): never => {
      throw new RequestError(code, `encrypted query of request ${request}: ${detail}`);
    };
    const asked = (await ctx.stores.documents.get(request))?.document.statement;
    const id = asked?.assets[0] ?? "";
    const own = await ctx.assets.get(id);
    if (asked?.encryptedQuery === undefined || asked.requester !== author || own === undefined) {
      return refuse("ERR_REQUEST_UNKNOWN", "not known to this node");
    }
    const agreed = await ctx.stores.agreements.get(agreementKey(request, id));
    const { statement } = call.query;
    if (agreed === undefined || statement.request !== request || statement.agreement !== agreed.agreement) {
      return refuse("ERR_REQUEST_FORBIDDEN", "no agreement of that name");
    }
    if (!(await ctx.facts.agreementStands(agreed.agreement, ctx.services.now()))) {
      return refuse("ERR_REQUEST_FORBIDDEN", "its agreement does not stand");
    }
    if (own.asset.version !== agreed.terms.asset.version)
      return refuse("ERR_REQUEST_TRANSITION", "the asset has changed");
    const key = await ctx.facts.publicKey(author, call.query.key);
    if (key === undefined || call.query.signer !== author || !verifySigned(key, "query", call.query)) {
      return refuse("ERR_REQUEST_FORBIDDEN", "its signature is not the requester's");
    }
    const [publicKey, ...lists] = [call.publicKey, ...call.lists].map((text) => fromBase64url(text, "query"));
    const digests = [publicKey!, ...lists].map(bytesDigest);
    if (
      digests.join() !== [statement.publicKey, ...statement.lists].join() ||
      statement.parameters !== QUERY_PARAMETERS.id
    ) {
      return refuse("ERR_REQUEST_INVALID", "its bytes are not those that were signed");
    }
    const before = await answered.get(agreed.agreement);
    if (before?.number === statement.number && before.query === digestOf(call.query)) return before.reply;
    if (statement.number !== (before?.number ?? 0) + 1)
      return refuse("ERR_REQUEST_TRANSITION", "its number is not the next");
    const figures = (before?.figures ?? 0) + lists.length;
    if (figures > asked.encryptedQuery.figures) {
      return refuse("ERR_REQUEST_FORBIDDEN", `at most ${asked.encryptedQuery.figures} figures may be asked for`);
    }
    const parsed = parsePolicy(agreed.terms.policy);
    if (!parsed.ok) return refuse("ERR_REQUEST_FORBIDDEN", "its policy is not understood any more");
    const layout = compileLayout({ query: asked.query, assets: [own.asset], attributes: await ctx.facts.attributes() });
    try {
      assertCells(layout);
    } catch (error) {
      if (error instanceof QueryError) return refuse("ERR_REQUEST_INVALID", error.message);
      throw error;
    }
    const local = await readCells(layout, own.asset);
    const leftOut = tooSmall(local, parsed.terms, own.asset);
    const release = releaseOf(layout, own.asset, parsed.terms, leftOut, `${agreed.agreement}/${statement.number}`);
    await ctx.releases.load();
    if (firstForbidden(ctx.releases.entries(), release) !== undefined) {
      return refuse("ERR_REQUEST_FORBIDDEN", "with what was released before it would tell other organisations apart");
    }
    const cells = cellsOf(layout, local.values, leftOut);
    const answers = await runQueryTask({
      kind: "answer",
      seed: seedOf(statement),
      publicKey: publicKey!,
      queries: lists,
      cells,
    }).catch((error) => {
      if (error instanceof HeError && error.code === "ERR_HE_BLOB") return refuse("ERR_REQUEST_INVALID", error.message);
      throw error;
    });
    const reply: QueryReply = {
      answer: ctx.sign("query", {
        request,
        agreement: agreed.agreement,
        number: statement.number,
        query: digestOf(call.query),
        answers: answers.map(bytesDigest),
        leftOut: [...leftOut],
        figures,
        at: ctx.services.now(),
      }),
      answers: answers.map(toBase64url),
    };
    // What leaves is counted, remembered and logged first.
    ctx.releases.remember(release);
    await ctx.releases.keep(release);
    await answered.put(agreed.agreement, { number: statement.number, figures, query: digestOf(call.query), reply });
    await ctx.services.accessLog.append({
      actor: author,
      action: `encrypted query ${statement.number} request ${request}, ${figures} figures`,
      target: `${id}#${own.asset.version}`,
      outcome: "answered",
    });
    return reply;
  }

  async function readCells(layout: Layout, asset: Asset): Promise<LocalStatistics> {
    const attributes = (await ctx.facts.member(self))?.attributes ?? {};
    return await localStatistics(layout, asset, attributes, (...query) => ctx.assets.read(asset.id, ...query));
  }

  return Object.freeze({
    /** One after another for each request: every one is counted. Throws RequestError. */
    answer: (author: string, request: string, call: QueryCall): Promise<QueryReply> =>
      ctx.shared(`query/${request}/${digestOf(call.query)}`, () =>
        oneAtATime(request, () => answer(author, request, call)),
      ),
  });
}

const tooSmall = ({ units }: LocalStatistics, terms: PolicyTerms, asset: Asset): ReadonlySet<number> => {
  const least = minimumUnitsOf({ terms, asset }, "counted");
  return new Set([...units].flatMap((held, atom) => (held < least ? [atom] : [])));
};

/** As if every cell that takes part were published: which of them were asked for nobody here knows. */
export function releaseOf(
  layout: Layout,
  asset: Asset,
  terms: PolicyTerms,
  leftOut: ReadonlySet<number>,
  query: string,
): HistoryEntry {
  const { recordKeys } = vectorLayout({
    layout,
    parties: [{ member: asset.provider, asset }],
    colluders: terms.colluders,
    exactMomentsTrusted: true,
    excluded: [],
  });
  return {
    computation: uuidOf({ query }),
    digest: digestOf({ query }),
    position: 0,
    need: needOf(terms.minimumOrganisations, terms.colluders),
    sets: [{ kind: "exact", pairs: [`${asset.id}#${asset.version}`] }],
    cells: recordKeys.flatMap((keys, atom) =>
      leftOut.has(atom) ? [] : keys.map((recordKey) => ({ recordKey, set: 0 })),
    ),
  };
}
