/** Policies that wait for their day or for a second person: wiring only. */
import type { HttpApp } from "../http/http-app.ts";
import { addActivationApi } from "../http/routes/activations/activations.ts";
import type { Feature, NodeServices } from "../runtime/services.ts";
import { createActivations } from "./activations.ts";

export function createPoliciesFeature(services: NodeServices): Feature {
  const activations = createActivations(services);
  return Object.freeze({
    apiRoutes: (app: HttpApp) => addActivationApi(app, activations, services),
    start: () => activations.start(),
    stop: () => activations.stop(),
  });
}
