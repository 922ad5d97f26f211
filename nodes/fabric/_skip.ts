/** Tests that need Fabric's own programs say loudly that they are skipped, and why. */
import { type Binaries, findBinaries } from "./binaries.ts";

export type FabricForTests = { readonly binaries: Binaries } | { readonly missing: string };

export async function fabricForTests(needs: { readonly gateway?: boolean } = {}): Promise<FabricForTests> {
  try {
    return { binaries: await findBinaries(process.env, needs) };
  } catch (error) {
    const missing = (error as Error).message;
    console.warn(`SKIPPED, needs Hyperledger Fabric: ${missing}`);
    return { missing };
  }
}
