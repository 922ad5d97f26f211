/**
 * The requester's side of encrypted queries. A key is made for one call, lies in an in-flight file until its answer is
 * read, and is gone then; a call that got no answer is made again, with the same bytes, before another one.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { countQueries, readQueryAnswered } from "../../chaincode/rules/keys.ts";
import { HeError } from "../../crypto/he/errors.ts";
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
import { type AnsweredQuery, type AskedQuery, QUERY_PARAMETERS_ID } from "../../ledger/audit/query-statements.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import type { Context } from "../computations/context.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import { runQueryTask } from "../he/query.ts";
import { PeerError } from "../peer/peer-error.ts";
import { bytesDigest } from "./answering.ts";
import { queryEvidence } from "./evidence.ts";
import { type QueryCall, QueryReply, queryPath, seedOf } from "./messages.ts";

export interface AskedFigure {
  readonly id: string;
  readonly terms: readonly AskedTerm[];
}

/** One call and what came of it: what was asked stays here alone. */
export interface QueryResult {
  readonly number: number;
  /** Null: a cell in it has too few units, or what was answered is `impossible`: no ciphertext, or no sum of cells within their bounds. */
  readonly figures: readonly { readonly id: string; readonly value: string | null; readonly impossible?: true }[];
  readonly query: AskedQuery;
  readonly answer: AnsweredQuery;
}

interface Pending {
  readonly call: QueryCall;
  readonly secretKey: string;
  readonly figures: readonly {
    readonly id: string;
    readonly atoms: readonly number[];
    /** No sum is beyond it. */
    readonly most: string;
    readonly numerator: string;
    readonly denominator: string;
  }[];
}

/** The own copy of the ledger is a moment behind at most. */
const LOOK_MS = 100;
const RECORD_LOOKS = 300;

/** The provider has said no, and not only "later". */
const isFinal = (error: unknown): boolean => {
  const status = error instanceof PeerError ? (error.answer?.status ?? 0) : 0;
  return status >= 400 && status < 500 && status !== 429;
};

export function createAsking(ctx: Context) {
  const results = ctx.services.openStore<{ readonly results: readonly QueryResult[] }>("encrypted-answers");
  const { inflight, ledger, peers, members, member: self } = ctx.services;
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
    const { answers } = await countQueries(ledger, agreed.agreement);
    const about = { agreement: agreed.agreement, number: answers + 1 };
    const lists = coefficients.map(({ list: one }) => one);
    const sealed = await runQueryTask({ kind: "encrypt", seed: seedOf(about), lists });
    const query = ctx.sign("query", {
      request,
      ...about,
      parameters: QUERY_PARAMETERS_ID,
      publicKey: bytesDigest(sealed.publicKey),
      lists: sealed.queries.map(bytesDigest),
      at: ctx.services.now(),
    });
    return {
      call: { query, publicKey: toBase64url(sealed.publicKey), lists: sealed.queries.map(toBase64url) },
      secretKey: toBase64url(sealed.secretKey),
      figures: coefficients.map(({ atoms, factor, most }, i) => ({
        id: figures[i]!.id,
        atoms,
        most: `${most}`,
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
      if (isFinal(error)) await inflight.erase(pendingName(request));
      throw error;
    });
    const { answer } = reply;
    const key = await ctx.facts.publicKey(provider, answer.key);
    const answers = reply.answers.map((text) => fromBase64url(text, "answer"));
    const { statement } = pending.call.query;
    const { number, agreement } = statement;
    const isIts =
      key !== undefined &&
      answer.signer === provider &&
      verifySigned(key, "query", answer) &&
      answer.statement.request === request &&
      answer.statement.agreement === agreement &&
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
    if (!(await isOnRecord(answer))) {
      throw new RequestError(
        "ERR_REQUEST_UNREACHABLE",
        `request ${request}: the answer of ${provider} is not on the ledger; ask again`,
      );
    }
    const read = { kind: "read", secretKey: fromBase64url(pending.secretKey, "key"), answers } as const;
    const sums = await runQueryTask(read).catch((error: unknown) => {
      // What its provider has recorded will never be anything else.
      if (error instanceof HeError && error.code === "ERR_HE_BLOB") return undefined;
      throw error;
    });
    const leftOut = new Set(answer.statement.leftOut);
    // Whatever a sum is, what goes over the wire from here on is the same: the provider must not learn of it.
    const figures = pending.figures.map(({ id, atoms, most, numerator, denominator }, i) => {
      if (atoms.some((atom) => leftOut.has(atom))) return { id, value: null };
      const sum = sums?.[i];
      if (sum === undefined || sum > BigInt(most) || -sum > BigInt(most)) {
        return { id, value: null, impossible: true as const };
      }
      return { id, value: figureOf(sum, rational(BigInt(numerator), BigInt(denominator))) };
    });
    const result: QueryResult = { number, figures, query: pending.call.query, answer };
    await results.put(request, { results: [...(await list(request)), result] });
    await inflight.erase(pendingName(request));
    return result;
  }

  /** The provider has recorded this very answer to this very query; its record may come a moment after its answer. */
  async function isOnRecord(answer: AnsweredQuery): Promise<boolean> {
    const { agreement, number, query } = answer.statement;
    for (let look = 0; look < RECORD_LOOKS; look++) {
      const there = await readQueryAnswered(ledger, agreement, number);
      if (there !== undefined) return there.body.query === query && there.body.answer === digestOf(answer);
      await sleep(LOOK_MS);
    }
    return false;
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
    /** Of all answers so far, as text of a file. Throws RequestError. */
    async evidence(request: string): Promise<string> {
      const asked = await ownRequest(request);
      const document = await ctx.stores.documents.get(request);
      const agreed = await ctx.stores.agreements.get(agreementKey(request, asked.assets[0]!));
      const all = await list(request);
      if (document === undefined || agreed === undefined || all.length === 0) {
        throw new RequestError("ERR_REQUEST_NO_RESULT", `request ${request}: nothing was answered yet`);
      }
      return await queryEvidence(ctx, agreed, document, all);
    },
    /** Throws RequestError. */
    ask: (request: string, figures: readonly AskedFigure[]): Promise<QueryResult> =>
      oneAtATime(request, () => ask(request, figures)),
  });
}
