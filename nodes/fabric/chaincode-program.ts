/** The program that a chaincode server runs, and how it is told its place. */

export interface ChaincodePlace {
  readonly packageId: string;
  /** host:port to listen on. */
  readonly address: string;
  readonly keyFile: string;
  readonly certificateFile: string;
}

export interface ChaincodeProgram {
  /** What the organisations agree on under this name: it holds the digest of the code, which the package does not bind. */
  readonly version: string;
  /** Arguments of Node. */
  readonly args: readonly string[];
  env(place: ChaincodePlace): Readonly<Record<string, string>>;
}
