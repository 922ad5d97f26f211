/** Every feature of a node, in the order in which they start; they stop in reverse. */
import { createExchangeFeature } from "../computations/exchange-feature.ts";
import { createDataspaceFeature } from "../dataspace/dataspace-feature.ts";
import type { CreateFeature } from "./services.ts";

export const FEATURES: readonly CreateFeature[] = Object.freeze([createExchangeFeature, createDataspaceFeature]);
