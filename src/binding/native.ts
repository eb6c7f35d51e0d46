/** The native surface as C++ exports it. Arguments are checked by the callers in TypeScript; the glue only converts. */
export interface Addon {
  readonly abiHash: number;

  // Process-wide, any thread.
  installImage(image: ArrayBuffer): { version: number; error: string };
  setTlsRoots(pem: string): void;
  clusterStats(version: number, cluster: number, out: Float64Array): boolean;
  clusterHistogram(version: number, cluster: number, out: Float64Array): boolean;
  endpointStats(version: number, endpoint: number, out: Float64Array): boolean;
  processStats(out: Float64Array): void;
  createMemoryFile(name: string, bytes: Uint8Array): number;

  // One reactor per worker thread.
  reactorOpen(worker: number, events: Int32Array, data: Uint8Array, onEvents: (count: number) => void): void;
  reactorClose(): void;
  listenerKey(name: string): number;
  submit(handle: number, listenerKeyAndFlags: number, flatHead: string, peer: ArrayBuffer | undefined): number;
  sendBody(handle: number, piece: ArrayBuffer, last: boolean): number;
  abort(handle: number): void;
  pause(handle: number): void;
  resume(handle: number): void;
  countConnection(opened: boolean): void;
}
