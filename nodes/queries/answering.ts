/**
 * The provider's side of encrypted queries: what was agreed on, counted; the own cells times lists that nobody here can
 * read; remembered as a release of these cells, kept, and on the ledger, before the answer leaves. An answer that is kept
 * is the only one there ever is to its query, whatever happens afterwards.
 */
import { hash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { countQueries, readQueryAnswered } from "../../chaincode/rules/keys.ts";
import { HeError } from "../../crypto/he/errors.ts";
import { assertQuery, assertQueryKey, QUERY_PARAMETERS } from "../../crypto/he/query.ts";
import { firstForbidden, type HistoryEntry } from "../../crypto/secagg/history.ts";
import { digestOf, saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { verifySigned } from "../../crypto/suites/signed.ts";
import { vectorLayout } from "../../exchange/computations/secagg-layout.ts";
import { assertCells, cellsOf, QueryError } from "../../exchange/queries/coefficients.ts";
import { agreementKey } from "../../exchange/requests/agreement-record.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { record } from "../../exchange/requests/record.ts";
import { compileLayout } from "../../exchange/statistics/compile.ts";
import type { Layout } from "../../exchange/statistics/layout.ts";
import { type LocalStatistics, localStatistics } from "../../exchange/statistics/local.ts";
import { LedgerError } from "../../ledger/port.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import type { PolicyTerms } from "../../policies/model/terms.ts";
import { minimumUnitsOf } from "../../policies/rules/counts.ts";
import { needOf } from "../../policies/rules/minima.ts";
import type { Context } from "../computations/context.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import { queryReleaseId } from "../computations/release-history.ts";
import { runQueryTask } from "../he/query.ts";
import { type QueryCall, type QueryReply, seedOf } from "./messages.ts";

/** The last answer under an agreement: that it is on the ledger, the ledger says. */
export interface Answered {
  readonly number: number;
  /** Under this agreement, with those of this answer. */
  readonly figures: number;
  /** Digest of the signed query, which is answered with the same bytes again. */
  readonly query: string;
  readonly reply: QueryReply;
  /** base64url: of the digest of the cells, the same for all answers of an agreement. */
  readonly salt: string;
}

type Refuse = (code: RequestError["code"], detail: string) => never;
const NONE = { answers: 0, figures: 0 };

export const bytesDigest = (bytes: Uint8Array): string => hash("sha256", bytes, "base64url");

export function createAnswering(ctx: Context) {
  const answered = ctx.services.openStore<Answered>("encrypted-queries");
  const { member: self } = ctx.services;
  const oneAtATime = createKeyedLock();

  async function answer(author: string, request: string, call: QueryCall): Promise<QueryReply> {
    const refuse: Refuse = (code, detail) => {
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
    // No table is read and no worker started for what is none.
    await checkForms(publicKey!, lists).catch((error: unknown) => {
      if (error instanceof HeError) return refuse("ERR_REQUEST_INVALID", error.message);
      throw error;
    });
    const before = await answered.get(agreed.agreement);
    const recorded = before === undefined ? NONE : await onRecord(agreed.agreement, before, refuse);
    const query = digestOf(call.query);
    const logged = async ({ number, figures, reply }: Answered): Promise<QueryReply> => {
      await ctx.services.accessLog.append({
        actor: author,
        action: `encrypted query ${number} request ${request}, ${figures} figures`,
        target: `${id}#${own.asset.version}`,
        outcome: "answered",
      });
      return reply;
    };
    // A death, or a full disk, may have come between its record and its line.
    if (before?.number === statement.number && before.query === query) return await logged(before);
    const count = await countQueries(ctx.services.ledger, agreed.agreement);
    if (count.answers !== recorded.answers || count.figures !== recorded.figures) {
      return refuse("ERR_REQUEST_TRANSITION", "this node has lost answers that it gave; agree on it again");
    }
    if (statement.number !== count.answers + 1) return refuse("ERR_REQUEST_TRANSITION", "its number is not the next");
    const figures = count.figures + lists.length;
    if (figures > asked.encryptedQuery.figures) {
      return refuse("ERR_REQUEST_FORBIDDEN", `at most ${asked.encryptedQuery.figures} figures may be asked for`);
    }
    if (await ctx.facts.isUsedUp(agreed.agreement))
      return refuse("ERR_REQUEST_FORBIDDEN", "the asset's uses are spent");
    const forgotten = await ctx.forgotten.of(id);
    if (forgotten !== undefined) {
      return refuse("ERR_REQUEST_FORBIDDEN", `this node does not remember release ${forgotten} of the asset`);
    }
    const parsed = parsePolicy(agreed.terms.policy);
    if (!parsed.ok) return refuse("ERR_REQUEST_FORBIDDEN", "its policy is not understood any more");
    if (figures > (parsed.terms.answers ?? 0)) {
      return refuse("ERR_REQUEST_FORBIDDEN", "its policy lets fewer figures be asked for");
    }
    const layout = compileLayout({ query: asked.query, assets: [own.asset], attributes: await ctx.facts.attributes() });
    try {
      assertCells(layout);
    } catch (error) {
      if (error instanceof QueryError) return refuse("ERR_REQUEST_INVALID", error.message);
      throw error;
    }
    const local = await readCells(layout, own.asset);
    const leftOut = tooSmall(local, parsed.terms, own.asset);
    const release = releaseOf(
      layout,
      own.asset,
      parsed.terms,
      leftOut,
      queryReleaseId(agreed.agreement, statement.number),
    );
    const isForbidden = () => firstForbidden(ctx.releases.entries(), release) !== undefined;
    const refuseRelease = () =>
      refuse("ERR_REQUEST_FORBIDDEN", "with what was released before it would tell other organisations apart");
    await ctx.releases.load();
    if (isForbidden()) return refuseRelease();
    const cells = cellsOf(layout, local.values, leftOut);
    const salt = before?.salt ?? toBase64url(ctx.services.random(32));
    const seed = seedOf(statement);
    const answers = await runQueryTask({ kind: "answer", seed, publicKey: publicKey!, queries: lists, cells });
    const reply: QueryReply = {
      answer: ctx.sign("query", {
        request,
        agreement: agreed.agreement,
        number: statement.number,
        query,
        answers: answers.map(bytesDigest),
        cells: saltedDigest(fromBase64url(salt, "salt", 32), { cells: cells.map(String), leftOut: [...leftOut] }),
        leftOut: [...leftOut],
        figures,
        at: ctx.services.now(),
      }),
      answers: answers.map(toBase64url),
    };
    const kept: Answered = { number: statement.number, figures, query, reply, salt };
    // Others may have been released while the worker was at it; from here to the next line nothing else is.
    if (isForbidden()) return refuseRelease();
    ctx.releases.remember(release);
    await ctx.releases.keep(release);
    await answered.put(agreed.agreement, kept);
    await onRecord(agreed.agreement, kept, refuse);
    return await logged(kept);
  }

  /** Puts the answer on the ledger unless it is there. Refuses where the ledger has another one, or takes none. */
  async function onRecord(agreement: string, { number, figures, query, reply }: Answered, refuse: Refuse) {
    const { ledger } = ctx.services;
    const { answers } = reply.answer.statement;
    const body = { agreement, number, figures: answers.length, query, answer: digestOf(reply.answer) };
    const there = await readQueryAnswered(ledger, agreement, number);
    if (there !== undefined && there.body.answer !== body.answer) {
      return refuse("ERR_REQUEST_TRANSITION", "the ledger has another answer of this number");
    }
    if (there === undefined) {
      await record(ctx.party, "query.answer", body, { answer: { agreement, number } }).catch((error: unknown) => {
        if (!(error instanceof LedgerError) || error.code !== "ERR_LEDGER_REJECTED") throw error;
        return refuse("ERR_REQUEST_FORBIDDEN", `the ledger does not take the answer: ${error.rejection?.code}`);
      });
    }
    return { answers: number, figures };
  }

  async function readCells(layout: Layout, asset: Asset): Promise<LocalStatistics> {
    const attributes = (await ctx.facts.member(self))?.attributes ?? {};
    return await localStatistics(layout, asset, attributes, (...query) => ctx.assets.read(asset.id, ...query));
  }

  return Object.freeze({
    /**
     * One after another for each requester: every one is counted, and who has many agreements has no more of this node's
     * tables and workers at once than another. Throws RequestError.
     */
    answer: (author: string, request: string, call: QueryCall): Promise<QueryReply> =>
      ctx.shared(`query/${author}/${request}/${digestOf(call.query)}`, () =>
        oneAtATime(author, () => answer(author, request, call)),
      ),
  });
}

/** A megabyte in each turn of the event loop. Throws HeError. */
async function checkForms(publicKey: Uint8Array, lists: readonly Uint8Array[]): Promise<void> {
  assertQueryKey(publicKey);
  for (const list of lists) {
    await nextTurn();
    assertQuery(list);
  }
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
    computation: query,
    digest: digestOf({ query }),
    position: 0,
    need: needOf(terms.minimumOrganisations, terms.colluders),
    sets: [{ kind: "exact", pairs: [`${asset.id}#${asset.version}`] }],
    cells: recordKeys.flatMap((keys, atom) =>
      leftOut.has(atom) ? [] : keys.map((recordKey) => ({ recordKey, set: 0 })),
    ),
  };
}
