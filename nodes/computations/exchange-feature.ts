/** Requests, agreements, computations and results as one feature of a node: wiring only. */
import type { HttpApp } from "../http/http-app.ts";
import { listAgreements, revoke, showAgreement } from "../http/routes/agreements/agreements.ts";
import { listComputations, showComputation } from "../http/routes/computations/computations.ts";
import { simulate } from "../http/routes/policies/simulate.ts";
import { cancel, decide, open } from "../http/routes/requests/change.ts";
import { checkRequest } from "../http/routes/requests/check.ts";
import { listDue } from "../http/routes/requests/due.ts";
import { plan } from "../http/routes/requests/plan.ts";
import { explainRequest, listRequests, showRequest } from "../http/routes/requests/show.ts";
import { submit } from "../http/routes/requests/submit.ts";
import { showEvidence, showResult } from "../http/routes/results/results.ts";
import { addReviewApi } from "../http/routes/reviews/reviews.ts";
import { createJoins } from "../joins/routes.ts";
import { createRequestDeadlines } from "../policies/request-deadlines.ts";
import { addQueryApi, addQueryPeerRoutes } from "../queries/routes.ts";
import type { Feature, NodeServices } from "../runtime/services.ts";
import { openReleaseAgreements } from "../transfers/agreements.ts";
import { createContext } from "./context.ts";
import { createGauges, meteredPeers } from "./gauges.ts";
import { addExchangePeerRoutes } from "./peer-routes.ts";
import { createExchangeService, type ExchangeService } from "./service.ts";

export function createExchangeFeature(
  services: NodeServices,
): Feature & { readonly negotiating: ExchangeService["negotiating"] } {
  const gauges = createGauges();
  const ctx = createContext({ ...services, peers: meteredPeers(services.peers, gauges) }, gauges);
  const service = createExchangeService(ctx);
  const agreed = { ctx, negotiating: service.negotiating, records: openReleaseAgreements(services) };
  const deadlines = createRequestDeadlines({ ...services, lives: ctx.stores.lives, sequencer: ctx.facts.sequencer });
  const joins = createJoins(ctx);
  return Object.freeze({
    negotiating: service.negotiating,
    apiRoutes(app: HttpApp) {
      submit(app, ctx);
      checkRequest(app, ctx);
      plan(app, ctx);
      listRequests(app, ctx);
      listDue(app, deadlines);
      showRequest(app, ctx);
      explainRequest(app, ctx);
      simulate(app, ctx);
      cancel(app, ctx);
      decide(app, ctx, service);
      open(app, service.requests);
      showResult(app, ctx);
      showEvidence(app, ctx);
      listAgreements(app, agreed);
      showAgreement(app, agreed);
      revoke(app, ctx);
      listComputations(app, ctx);
      showComputation(app, ctx);
      addReviewApi(app, ctx);
      addQueryApi(app, ctx);
      joins.addApi(app);
    },
    peerRoutes(app: HttpApp) {
      addExchangePeerRoutes(app, ctx, service.roles);
      addQueryPeerRoutes(app, ctx);
      joins.addPeerRoutes(app);
    },
    async start() {
      await service.start();
      await joins.start();
      deadlines.start();
    },
    troubles: () => (service.isBehind() ? (["ledger-not-followed"] as const) : []),
    async stop() {
      await deadlines.stop();
      await joins.stop();
      await service.stop();
      await ctx.assets.close();
    },
  });
}
