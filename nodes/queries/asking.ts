/**
 * The requester's side of encrypted queries. A key is made for one call, lies in an in-flight file until its answer is
 * read, and is gone then; a call that got no answer is made again, with the same bytes, before another one.
 */
import { QUERY_PARAMETERS } from "../../crypto/he/query.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { verifySigned } from "../../crypto/suites/signed.ts";
import {
  type AskedTerm,
  assertCells,
  coefficientsOf,
  figureOf,
  QueryError,
} from "../../exchange/queries/coefficients.ts";
import { type AgreementRecord, agreementKey } from "../../exchange/requests/agreement-record.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { compileLayout } from "../../exchange/statistics/compile.ts";
import { rational } from "../../exchange/statistics/rational.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import type { Context } from "../computations/context.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import { runQueryTask } from "../he/query.ts";
import { PeerError } from "../peer/peer-error.ts";
import { bytesDigest } from "./answering.ts";
import { type AnsweredQuery, type AskedQuery, type QueryCall, QueryReply, queryPath, seedOf } from "./messages.ts";

export interface AskedFigure {
  readonly id: string;
  readonly terms: readonly AskedTerm[];
}

/** One call and what came of it: what was asked stays here alone. */
export interface QueryResult {
  readonly number: number;
  /** Null: a cell in it has too few units. */
  readonly figures: readonly { readonly id: string; readonly value: string | null }[];
  readonly query: AskedQuery;
  readonly answer: AnsweredQuery;
}

interface Pending {
  readonly call: QueryCall;
  readonly secretKey: string;
  readonly figures: readonly {
    readonly id: string;
    readonly atoms: readonly number[];
    readonly numerator: string;
    readonly denominator: string;
  }[];
}

export function createAsking(ctx: Context) {
  const results = ctx.services.openStore<{ readonly results: readonly QueryResult[] }>("encrypted-answers");
  const { inflight, peers, members, member: self } = ctx.services;
  const oneAtATime = createKeyedLock();
  const pendingName = (request: string) => `${request}-query`;

  const list = async (request: string): Promise<readonly QueryResult[]> => (await results.get(request))?.results ?? [];

  async function ownRequest(request: string): Promise<DataRequest> {
    const asked = (await ctx.stores.documents.get(request))?.document.statement;
    if (asked?.encryptedQuery !== undefined && asked.requester === self) return asked;
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${request}: no own request for encrypted queries`);
  }

  async function agreedOn(request: string): Promise<{ readonly asked: DataRequest; readonly agreed: AgreementRecord }> {
    const asked = await ownRequest(request);
    const agreed = await ctx.stores.agreements.get(agreementKey(request, asked.assets[0]!));
    if (agreed === undefined || !(await ctx.facts.agreementStands(agreed.agreement, ctx.services.now()))) {
      throw new RequestError("ERR_REQUEST_TRANSITION", `request ${request}: has no agreement that stands`);
    }
    return { asked, agreed };
  }

  async function prepare(request: string, figures: readonly AskedFigure[]): Promise<Pending> {
    const { asked, agreed } = await agreedOn(request);
    const attributes = await ctx.facts.attributes();
    const layout = compileLayout({ query: asked.query, assets: [agreed.terms.asset], attributes });
    assertCells(layout);
    const coefficients = figures.map(({ terms }) => coefficientsOf(layout, terms));
    const about = { agreement: agreed.agreement, number: (await list(request)).length + 1 };
    const lists = coefficients.map(({ list: one }) => one);
    const sealed = await runQueryTask({ kind: "encrypt", seed: seedOf(about), lists });
    const query = ctx.sign("query", {
      request,
      ...about,
      parameters: QUERY_PARAMETERS.id,
      publicKey: bytesDigest(sealed.publicKey),
      lists: sealed.queries.map(bytesDigest),
      at: ctx.services.now(),
    });
    return {
      call: { query, publicKey: toBase64url(sealed.publicKey), lists: sealed.queries.map(toBase64url) },
      secretKey: toBase64url(sealed.secretKey),
      figures: coefficients.map(({ atoms, factor }, i) => ({
        id: figures[i]!.id,
        atoms,
        numerator: `${factor.numerator}`,
        denominator: `${factor.denominator}`,
      })),
    };
  }

  async function finish(request: string, pending: Pending): Promise<QueryResult> {
    const { asked } = await agreedOn(request);
    const provider = asked.assets[0]!.split(":")[0]!;
    const called = peers.call(await members.target(provider), {
      method: "POST",
      path: queryPath(request),
      body: pending.call,
      response: QueryReply,
      // The other side's worker has a minute.
      timeoutMs: 90_000,
      attempts: 3,
    });
    const reply = await called.catch(async (error: unknown) => {
      // It was not answered, and never will be: the next one has its number.
      if (error instanceof PeerError && error.code === "ERR_PEER_REFUSED") await inflight.erase(pendingName(request));
      throw error;
    });
    const { answer } = reply;
    const key = await ctx.facts.publicKey(provider, answer.key);
    const answers = reply.answers.map((text) => fromBase64url(text, "answer"));
    const { number } = pending.call.query.statement;
    const isIts =
      key !== undefined &&
      answer.signer === provider &&
      verifySigned(key, "query", answer) &&
      answer.statement.number === number &&
      answer.statement.query === digestOf(pending.call.query) &&
      answer.statement.answers.join() === answers.map(bytesDigest).join() &&
      answers.length === pending.figures.length;
    if (!isIts) {
      throw new RequestError(
        "ERR_REQUEST_UNREACHABLE",
        `request ${request}: the answer of ${provider} is not the query's`,
      );
    }
    const sums = await runQueryTask({ kind: "read", secretKey: fromBase64url(pending.secretKey, "key"), answers });
    const leftOut = new Set(answer.statement.leftOut);
    const figures = pending.figures.map(({ id, atoms, numerator, denominator }, i) => ({
      id,
      value: atoms.some((atom) => leftOut.has(atom))
        ? null
        : figureOf(sums[i]!, rational(BigInt(numerator), BigInt(denominator))),
    }));
    const result: QueryResult = { number, figures, query: pending.call.query, answer };
    await results.put(request, { results: [...(await list(request)), result] });
    await inflight.erase(pendingName(request));
    return result;
  }

  async function ask(request: string, figures: readonly AskedFigure[]): Promise<QueryResult> {
    await ownRequest(request);
    const before = await inflight.get<Pending>(pendingName(request));
    // Its answer may have been read before the file was gone.
    const isRead = (await list(request)).some(({ number }) => number === before?.call.query.statement.number);
    if (before !== undefined && !isRead) await finish(request, before);
    const pending = await prepare(request, figures).catch((error: unknown) => {
      if (error instanceof QueryError) throw new RequestError("ERR_REQUEST_INVALID", error.message);
      throw error;
    });
    await inflight.put(pendingName(request), pending);
    return await finish(request, pending);
  }

  return Object.freeze({
    /** Throws ERR_REQUEST_UNKNOWN. */
    async list(request: string): Promise<readonly QueryResult[]> {
      await ownRequest(request);
      return await list(request);
    },
    /** Throws RequestError. */
    ask: (request: string, figures: readonly AskedFigure[]): Promise<QueryResult> =>
      oneAtATime(request, () => ask(request, figures)),
  });
}
