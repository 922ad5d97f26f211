/** Every feature of a node, in the order in which they start; they stop in reverse. */
import { createExchangeFeature } from "../computations/exchange-feature.ts";
import { createDataspaceFeature } from "../dataspace/dataspace-feature.ts";
import { createPoliciesFeature } from "../policies/policies-feature.ts";
import type { Feature, NodeServices } from "./services.ts";

export function createFeatures(services: NodeServices): readonly Feature[] {
  const exchange = createExchangeFeature(services);
  return [exchange, createDataspaceFeature(services, exchange.negotiating), createPoliciesFeature(services)];
}
